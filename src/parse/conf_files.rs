//! The text of /etc/nix/nix.conf, nix.custom.conf and ~/.config/nix/nix.conf (rules: src/libutil/configuration.cc).

use super::text::Place;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One `name = value` of a whitelisted name.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Setting {
    /// Without `extra-`.
    #[schemars(extend("x-kind" = "public"))]
    pub name: String,
    /// The words joined by one space, as Nix does; scrubbed.
    #[schemars(extend("x-kind" = "text"))]
    pub value: String,
    /// Whether it was written with `extra-`, and so adds.
    #[serde(default)]
    pub append: bool,
    /// The name.
    pub place: Place,
}

/// One `include` or `!include`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Include {
    /// Resolved against the folder of the including file.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// `!include`: no error where it is missing.
    #[serde(default)]
    pub optional: bool,
    /// The word `include`.
    pub place: Place,
}

/// What is wrong with a line; Nix then refuses to run at all.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfProblem {
    /// The line; its text is kept only where it begins with a whitelisted name.
    pub place: Place,
    /// What Nix prints, without `error: `.
    #[schemars(extend("x-kind" = "text"))]
    pub nix_says: String,
}

/// A file of settings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfFile {
    /// As given.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// In order; the last of a name wins, `append` adds.
    #[serde(default)]
    pub settings: Vec<Setting>,
    /// In order; Nix reads each at the place where it stands.
    #[serde(default)]
    pub includes: Vec<Include>,
    /// Lines that Nix refuses.
    #[serde(default)]
    pub problems: Vec<ConfProblem>,
    /// Whether only the user's own Nix reads it, and not the daemon.
    #[serde(default)]
    pub own: bool,
    /// Whether the first line says that nix-darwin or Determinate writes the file.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub generated_by: Option<Generator>,
}

/// Who says, in its first lines, that it writes the file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Generator {
    /// `# WARNING: this file is generated from the nix.* options in`
    NixDarwin,
    /// `# DETERMINATE NIX CONFIG`
    Determinate,
}

use super::nix_config::WHITELIST;
use super::text::{cut, scrub, words};

const MAX_KEPT: usize = 1000;

/// Settings of the variable NIX_CONFIG whose values are kept; of the others it is known that they are set.
const HARMLESS: [&str; 6] =
    ["builders", "extra-platforms", "max-jobs", "system-features", "external-builders", "substituters"];

/// The whitelisted settings of the variable NIX_CONFIG, which is written as a file is.
pub fn parse_variable(text: &str) -> Vec<Setting> {
    let mut settings = parse("NIX_CONFIG", text).settings;
    for setting in settings.iter_mut().filter(|it| !HARMLESS.contains(&it.name.as_str())) {
        setting.value.clear();
        setting.place.text.clear();
    }
    settings
}

impl ConfFile {
    /// Whether it is a user's own: reports of older versions say so by its path alone.
    pub fn is_own(&self) -> bool {
        let homes = ["/Users/", "/home/", "/root/", "/var/root/"];
        self.own || homes.iter().any(|home| self.path.starts_with(home))
    }
}

/// The settings of one file. Includes are named, not followed.
pub fn parse(path: &str, text: &str) -> ConfFile {
    let mut file = ConfFile { path: path.to_owned(), generated_by: generator(text), ..ConfFile::default() };
    for (line, number) in text.split('\n').zip(1u32..) {
        let kept = file.settings.len() + file.includes.len() + file.problems.len();
        if kept >= MAX_KEPT {
            break;
        }
        read_line(&mut file, line, number);
    }
    file
}

fn read_line(file: &mut ConfFile, line: &str, number: u32) {
    let code = line.split('#').next().unwrap_or("");
    let words = words(code);
    let Some(&(column, first)) = words.first() else {
        return;
    };
    let (name, append) = setting_name(first);
    // `builders=x`, which Nix refuses for its missing spaces, is safe to show as well.
    let glued = first.split('=').next().is_some_and(|n| setting_name(n).0.is_some());
    let known = name.is_some() || is_include(first) || glued;
    // What is not known may be a secret, so of such a line only the place is kept.
    let text = if known { scrub(&cut(line.trim_end(), 400)) } else { String::new() };
    let place = Place { path: file.path.clone(), line: number, column, text };
    let fits = if is_include(first) { words.len() == 2 } else { words.get(1).is_some_and(|w| w.1 == "=") };
    if !fits {
        let quoted = if known { scrub(&cut(code.trim_end(), 400)) } else { "…".to_owned() };
        // Up to 2.33 the path stood in single quotes.
        let nix_says = format!("syntax error in configuration line '{quoted}' in \"{}\"", file.path);
        file.problems.push(ConfProblem { place, nix_says });
    } else if is_include(first) {
        let path = resolve(&file.path, words.get(1).map_or("", |w| w.1));
        file.includes.push(Include { path, optional: first == "!include", place });
    } else if let Some(name) = name {
        let value: Vec<&str> = words.iter().skip(2).map(|w| w.1).collect();
        file.settings.push(Setting { name: name.to_owned(), value: scrub(&value.join(" ")), append, place });
    }
}

fn is_include(word: &str) -> bool {
    word == "include" || word == "!include"
}

/// The whitelisted name, and whether it adds. `extra-platforms` is a setting of its own.
fn setting_name(word: &str) -> (Option<&str>, bool) {
    if WHITELIST.contains(&word) {
        return (Some(word), false);
    }
    let extra = word.strip_prefix("extra-").filter(|name| WHITELIST.contains(name));
    (extra, extra.is_some())
}

/// `path` against the folder of `file`, with `.` and `..` taken away as Nix's absPath does, by words alone.
fn resolve(file: &str, path: &str) -> String {
    let folder = file.rsplit_once('/').map_or("", |(folder, _)| folder);
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{folder}/{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." => {
                parts.pop();
            }
            _ => parts.push(part),
        }
    }
    let root = if joined.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

fn generator(text: &str) -> Option<Generator> {
    text.lines().take(5).find_map(|line| {
        if line.contains("generated from the nix.* options in") {
            Some(Generator::NixDarwin)
        } else if line.contains("DETERMINATE NIX CONFIG") {
            Some(Generator::Determinate)
        } else {
            None
        }
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// nix-darwin-outputs.md, whole.
    const NIX_DARWIN: &str = "# WARNING: this file is generated from the nix.* options in
# your nix-darwin configuration. Do not edit it!
allowed-users = *
auto-optimise-store = false
build-users-group = nixbld
builders-use-substitutes = true
cores = 0
experimental-features = nix-command flakes
max-jobs = auto
require-sigs = true
sandbox = false
sandbox-fallback = false
substituters = https://cache.nixos.org/
trusted-public-keys = cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=
trusted-substituters = 
trusted-users = root
extra-sandbox-paths = 
extra-substituters = https://nix-postgres-artifacts.s3.amazonaws.com
extra-trusted-public-keys = nix-postgres-artifacts:dGZlQOvKcNEjvT7QEAJbcV6b6uk7VF/hWMjhYleiaLI=
!include nix.custom.conf
";

    #[test]
    fn the_file_of_nix_darwin() {
        let f = parse("/etc/nix/nix.conf", NIX_DARWIN);
        assert_eq!(f.generated_by, Some(Generator::NixDarwin));
        assert_eq!(f.problems, []);
        assert_eq!((f.includes[0].path.as_str(), f.includes[0].optional), ("/etc/nix/nix.custom.conf", true));
        let extra: Vec<_> =
            f.settings.iter().filter(|s| s.append).map(|s| (s.name.as_str(), s.place.line)).collect();
        assert_eq!(extra, [("substituters", 18), ("trusted-public-keys", 19)]);
        assert!(f.settings.iter().all(|s| s.name != "build-users-group"));
        assert_eq!(f.settings.iter().find(|s| s.name == "trusted-substituters").unwrap().value, "");
    }

    #[test]
    fn determinate() {
        // Catalogue 11.10.
        let f = parse(
            "/etc/nix/nix.conf",
            "# DETERMINATE NIX CONFIG\n# do not modify! this file will be replaced!\n",
        );
        assert_eq!(f.generated_by, Some(Generator::Determinate));
    }

    // By src/libutil/configuration.cc.
    #[test]
    fn lines() {
        let f = parse(
            "/a/b",
            " builders  =  x ;  y # z\nextra-platforms = p\ninclude ../c\nbuilders=x\nfoo\ninclude a b\n",
        );
        assert_eq!((f.settings[0].value.as_str(), f.settings[0].place.column), ("x ; y", 2));
        assert_eq!((f.settings[1].name.as_str(), f.settings[1].append), ("extra-platforms", false));
        assert_eq!((f.includes[0].path.as_str(), f.includes[0].optional), ("/c", false));
        let lines: Vec<_> = f.problems.iter().map(|p| p.place.line).collect();
        assert_eq!(lines, [4, 5, 6]);
        assert_eq!(f.problems[1].nix_says, "syntax error in configuration line '…' in \"/a/b\"");
    }

    #[test]
    fn secrets_stay_out() {
        let text = "access-tokens = github.com=ghp_secret\naccess-tokens github.com=zzz\nsubstituters = https://u:zzz@h\nextra-access-tokens a=zzz";
        let kept = format!("{:?}", parse("/etc/nix/nix.conf", text));
        assert!(!kept.contains("secret") && !kept.contains("zzz"), "{kept}");
    }

    #[test]
    fn of_the_variable_only_harmless_values_are_kept() {
        // Made after the manual page, not captured.
        let text = "builders =\nextra-system-features = a  b\ntrusted-users = root\naccess-tokens = github.com=zzz\n";
        let settings = parse_variable(text);
        let kept: Vec<_> =
            settings.iter().map(|it| (it.name.as_str(), it.value.as_str(), it.append)).collect();
        assert_eq!(
            kept,
            [("builders", "", false), ("system-features", "a b", true), ("trusted-users", "", false)]
        );
        assert_eq!((settings[2].place.path.as_str(), settings[2].place.line), ("NIX_CONFIG", 3));
        assert_eq!(settings[2].place.text, "");
        assert!(!format!("{settings:?}").contains("zzz"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..1000) {
            parse(&text, &text);
            parse_variable(&text);
            let mutated: String = NIX_DARWIN.chars().take(at).chain(text.chars()).chain(NIX_DARWIN.chars().skip(at)).collect();
            parse("/etc/nix/nix.conf", &mutated);
        }
    }
}
