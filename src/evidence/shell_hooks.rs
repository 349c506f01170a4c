//! The lines of a shell's files that put Nix on PATH; asked for only where PATH does not have it.

use super::{Look, Probe};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// Why nobody looked.
pub const ON_PATH: &str = "PATH has Nix";

/// The files that the user's shell reads.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ShellHooks {
    /// `zsh`, `bash`, or another, of whose files nothing is known here.
    #[schemars(extend("x-kind" = "text"))]
    pub shell: String,
    /// The system's files that are there.
    pub files: Vec<ShellFile>,
    /// Whether one of the user's own names /nix.
    pub own: bool,
}

/// A file that a shell reads when it starts.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct ShellFile {
    /// The file.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// Whether it names anything under /nix; nothing else of it is kept.
    pub names_nix: bool,
}

pub(super) fn probe(look: &Look) -> Probe<ShellHooks> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    match super::nix::locate(look.host) {
        None => return Probe::not_taken("there is no Nix to be put on PATH"),
        Some((_, true)) => return Probe::not_taken(ON_PATH),
        Some((_, false)) => {}
    }
    let shell = look.host.env("SHELL").unwrap_or_else(|| "/bin/zsh".to_owned());
    let shell = crate::prose::line(shell.rsplit('/').next().unwrap_or_default());
    let (system, own): (&[&str], &[&str]) = match shell.as_str() {
        "zsh" => (&["/etc/zshenv", "/etc/zprofile", "/etc/zshrc"], &[".zshenv", ".zprofile", ".zshrc"]),
        "bash" => (&["/etc/profile", "/etc/bashrc"], &[".bash_profile", ".bashrc", ".profile"]),
        _ => (&[], &[]),
    };
    let names_nix = |path: &Path| {
        look.host.read(path).ok().map(|bytes| String::from_utf8_lossy(&bytes).contains("/nix/"))
    };
    let files = system.iter().filter_map(|path| {
        let names_nix = names_nix(Path::new(path))?;
        Some(ShellFile { path: (*path).to_owned(), names_nix })
    });
    let files = files.collect();
    let home = look.host.env("HOME").filter(|home| home.starts_with('/')).map(PathBuf::from);
    let own = home.is_some_and(|home| own.iter().any(|name| names_nix(&home.join(name)) == Some(true)));
    Probe::seen(ShellHooks { shell, files, own }, "the files that the shell reads")
}
