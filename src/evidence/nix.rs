//! The Nix that would be run: found on PATH, else where installers put it.

use super::{Look, Probe};
use crate::host::{Command, Host, Kind};
use crate::parse::version::{NixVersion, parse_version};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};

/// The Nix that would be run, and the others.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Nix {
    /// None where there is no Nix at all.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub path: Option<String>,
    /// Whether the user's PATH finds it.
    pub on_path: bool,
    /// What `nix --version` says.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<NixVersion>,
    /// Why there is no version, though there is a Nix.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub no_version: Option<String>,
    /// Every `nix` on PATH, but for what is left out of it, links followed, first found first, each once.
    #[serde(default)]
    #[schemars(extend("x-kind" = "path"))]
    pub all_on_path: Vec<String>,
    /// The folders of PATH where none was looked for: they are relative, or anybody could put one there.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    #[schemars(extend("x-kind" = "path"))]
    pub left_out_of_path: Vec<String>,
}

impl Nix {
    /// Where none was looked for: nothing, or what follows a sentence that says that there is none.
    pub fn not_looked_for(&self) -> String {
        match self.left_out_of_path.as_slice() {
            [] => String::new(),
            some => format!(
                "; none was looked for in PATH's {}: relative, or open to everybody",
                crate::prose::and(some)
            ),
        }
    }
}

/// Where installers put Nix.
pub const WELL_KNOWN: [&str; 2] = ["/nix/var/nix/profiles/default/bin/nix", "/run/current-system/sw/bin/nix"];

/// The Nix to run: on PATH, else at a well-known place, and whether PATH has it.
pub fn locate(host: &dyn Host) -> Option<(PathBuf, bool)> {
    if let Some(first) = host.find("nix").into_iter().next() {
        return Some((first, true));
    }
    let mut places: Vec<PathBuf> = WELL_KNOWN.iter().map(PathBuf::from).collect();
    for user in host.list(Path::new("/etc/profiles/per-user")).unwrap_or_default() {
        places.push(Path::new("/etc/profiles/per-user").join(user).join("bin/nix"));
    }
    places
        .into_iter()
        .find(|place| host.stat(place).is_ok_and(|it| it.kind == Kind::File && it.mode & 0o111 != 0))
        .map(|place| (place, false))
}

/// `nix` with the features on which our own commands rest, as the daemon's client, never over sudo's leftovers.
pub fn command(host: &dyn Host, args: &[&str]) -> Option<Command> {
    let (path, _) = locate(host)?;
    Some(at(&path.to_string_lossy()).args(args.iter().copied()))
}

/// Where a Nix really is, if nobody but root, and whoever we are, could have put it there: then it may be root who runs it.
pub fn of_root(host: &dyn Host, path: &Path) -> Option<PathBuf> {
    let own = rustix::process::geteuid().as_raw();
    let end = host.canonical(path).ok()?;
    // In a sticky folder, such as the store, only its owner moves a thing.
    let safe = |step: &Path| {
        host.stat(step)
            .is_ok_and(|it| (it.uid == 0 || it.uid == own) && (it.mode & 0o022 == 0 || it.mode & 0o1000 != 0))
    };
    end.ancestors().all(safe).then_some(end)
}

/// The same for a Nix at a known path.
pub fn at(path: &str) -> Command {
    Command::new(path).args(["--extra-experimental-features", "nix-command flakes"]).env("NIX_PAGER", "cat")
}

pub(super) fn probe(look: &Look) -> Probe<Nix> {
    let left_out_of_path = look.host.left_out_of_path().to_vec();
    let Some((path, on_path)) = locate(look.host) else {
        return Probe::seen(
            Nix { left_out_of_path, ..Nix::default() },
            "PATH and the places where installers put Nix",
        );
    };
    let mut nix = Nix { path: Some(path.display().to_string()), on_path, left_out_of_path, ..Nix::default() };
    nix.all_on_path = others(look.host);
    if look.wanted.no_builds.is_some()
        && let Some(version) = look.host.canonical(&path).ok().and_then(|end| version_of_store_path(&end))
    {
        // A quick look takes the store's word for it.
        nix.version = Some(version);
        return Probe::seen(nix, "the store path of nix");
    }
    // The settings first: the whole way to the builder's port waits for them, and for this nobody does.
    look.nix_config();
    match look.host.run(&Command::new(path.to_string_lossy()).args(["--version"])) {
        Ok(output) if output.ok() => {
            nix.version = parse_version(&output.stdout);
            if nix.version.is_none() {
                nix.no_version = Some(format!("it says {:?}", crate::prose::line(&output.stdout)));
            }
        }
        Ok(output) => nix.no_version = Some(output.complaint()),
        Err(error) => nix.no_version = Some(error.to_string()),
    }
    Probe::seen(nix, "nix --version")
}

/// `/nix/store/<hash>-nix-2.34.8/bin/nix`: upstream's name, whose version is Nix's own.
pub(super) fn version_of_store_path(path: &Path) -> Option<NixVersion> {
    let name = path.strip_prefix("/nix/store").ok()?.components().next()?.as_os_str().to_str()?;
    let version = name.get(33..)?.strip_prefix("nix-")?;
    parse_version(&format!("nix (Nix) {version}")).filter(|it| it.release.is_some())
}

fn others(host: &dyn Host) -> Vec<String> {
    let mut all: Vec<String> = Vec::new();
    for path in host.find("nix") {
        let end = host.canonical(&path).unwrap_or(path).display().to_string();
        if !all.contains(&end) {
            all.push(end);
        }
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_upstreams_store_path_tells_nixs_version() {
        let version = |name: &str| version_of_store_path(&Path::new("/nix/store").join(name).join("bin/nix"));
        let hash = "65ghpdw6n9vawhzx8bzqym2zmzrz4dmc";
        assert_eq!(version(&format!("{hash}-nix-2.34.7+1")).unwrap().at_least(2, 34), Some(true));
        assert_eq!(version(&format!("{hash}-determinate-nix-3.22.2")), None);
        assert_eq!(version(&format!("{hash}-lix-2.94.0")), None);
        assert_eq!(version(&format!("{hash}-nix-wrapped")), None);
        assert_eq!(version_of_store_path(Path::new("/usr/bin/nix")), None);
    }
}
