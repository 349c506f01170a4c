//! Whose word a setting is: NIX_CONFIG of this shell, the user's own file, the system's files, or Nix's default.
//!
//! `nix config show` merges them all, and the daemon takes from a user whom it does not trust only some.

use super::Evidence;
use super::nix_daemon::NixDaemon;
use super::user_env::UserEnv;
use crate::parse::conf_files::{ConfFile, Setting};
use crate::parse::text::Place;

/// Who sets a setting: the last word, in the order in which Nix reads them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Origin<'e> {
    /// NIX_CONFIG of this shell.
    Environment(&'e Setting),
    /// A file of the user's own.
    User(&'e Setting),
    /// The system's file, or one that it includes.
    System(&'e Setting),
    /// NIX_REMOTE_SYSTEMS of this shell, which takes the place of the default of `builders` alone.
    RemoteSystems(&'e [String]),
    /// Nobody: Nix's default.
    Default,
}

impl<'e> Origin<'e> {
    /// The setting as it is written there.
    pub fn setting(&self) -> Option<&'e Setting> {
        match self {
            Origin::Environment(it) | Origin::User(it) | Origin::System(it) => Some(it),
            Origin::RemoteSystems(_) | Origin::Default => None,
        }
    }

    /// Whether it stands in what belongs to the user alone.
    pub fn is_own(&self) -> bool {
        matches!(self, Origin::Environment(_) | Origin::User(_) | Origin::RemoteSystems(_))
    }

    /// Where it is set.
    pub fn place(&self) -> Option<Place> {
        match self {
            Origin::RemoteSystems(paths) => Some(Place {
                path: "NIX_REMOTE_SYSTEMS".to_owned(),
                line: 1,
                column: 1,
                text: paths.join(":"),
            }),
            _ => self.setting().map(|it| it.place.clone()),
        }
    }

    /// Who sets it: reads after "is set".
    pub fn words(&self) -> String {
        match self {
            Origin::Environment(_) => "by NIX_CONFIG in this shell".to_owned(),
            Origin::User(it) => format!("by line {} of your own {}", it.place.line, it.place.path),
            Origin::System(it) => format!("by line {} of {}", it.place.line, it.place.path),
            Origin::RemoteSystems(_) => "by NIX_REMOTE_SYSTEMS in this shell".to_owned(),
            Origin::Default => "by nobody, so that Nix's default holds".to_owned(),
        }
    }
}

/// Who sets a setting.
pub(super) fn origin<'e>(files: &'e [ConfFile], env: Option<&'e UserEnv>, name: &str) -> Origin<'e> {
    let of_env = env.and_then(|it| it.nix_config.as_deref()).unwrap_or_default();
    if let Some(setting) = of_env.iter().rfind(|it| it.name == name) {
        return Origin::Environment(setting);
    }
    let last = |own| {
        let files = files.iter().filter(move |file| file.is_own() == own);
        files.flat_map(|file| &file.settings).rfind(|it| it.name == name)
    };
    let systems = env.and_then(|it| it.nix_remote_systems.as_deref()).filter(|_| name == "builders");
    match (last(true), last(false), systems) {
        (Some(own), ..) => Origin::User(own),
        (None, Some(system), _) => Origin::System(system),
        (None, None, Some(paths)) => Origin::RemoteSystems(paths),
        (None, None, None) => Origin::Default,
    }
}

/// What the system's files make of a setting; None where they leave it at Nix's default, or add to that.
pub(super) fn system_value(files: &[ConfFile], name: &str) -> Option<String> {
    let system = files.iter().filter(|file| !file.is_own()).flat_map(|file| &file.settings);
    system.filter(|it| it.name == name).fold(None, |value: Option<String>, setting| {
        match (setting.append, value) {
            (false, _) => Some(setting.value.clone()),
            (true, Some(value)) => Some(format!("{value} {}", setting.value).trim().to_owned()),
            (true, None) => None,
        }
    })
}

/// What every user may set for himself, also where the daemon does not trust him; `builders` only to nothing.
const FREE: [&str; 8] = [
    "max-jobs",
    "cores",
    "fallback",
    "connect-timeout",
    "experimental-features",
    "store",
    "substituters",
    "trusted-substituters",
];

/// Whether a daemon that does not trust the user ignores this.
pub(super) fn is_refused(origin: &Origin, name: &str, daemon: Option<&NixDaemon>) -> bool {
    let distrusts = daemon.is_some_and(|it| it.info.succeeded && it.info.trusted == Some(false));
    let own = match origin {
        Origin::Environment(setting) | Origin::User(setting) => Some(setting),
        _ => None,
    };
    let emptied = |it: &Setting| name == "builders" && it.value.is_empty() && !it.append;
    distrusts && !FREE.contains(&name) && own.is_some_and(|it| !emptied(it))
}

impl Evidence {
    /// Who sets a setting, as far as is known.
    pub fn origin(&self, name: &str) -> Origin<'_> {
        let files = self.conf_files().map(Vec::as_slice).unwrap_or_default();
        origin(files, self.user_env().ok(), name)
    }

    /// Who sets it in the system's files.
    pub fn system_origin(&self, name: &str) -> Origin<'_> {
        let files = self.conf_files().map(Vec::as_slice).unwrap_or_default();
        let mut system = files.iter().filter(|file| !file.is_own()).flat_map(|file| &file.settings);
        system.rfind(|it| it.name == name).map_or(Origin::Default, Origin::System)
    }

    /// What the system's files make of a setting; None where they leave it at Nix's default.
    pub fn system_value(&self, name: &str) -> Option<String> {
        system_value(self.conf_files().ok()?, name)
    }

    /// The user's own setting, where the daemon ignores it as it does not trust the user.
    pub fn refused(&self, name: &str) -> Option<&Setting> {
        let origin = self.origin(name);
        is_refused(&origin, name, self.nix_daemon().ok()).then(|| origin.setting())?
    }

    /// Who sets what the daemon acts on: the system, where it ignores the user's own.
    pub fn acting_origin(&self, name: &str) -> Origin<'_> {
        let own = self.origin(name);
        let daemon = self.nix_daemon().ok();
        let unseen = matches!(own, Origin::RemoteSystems(_)) && daemon.is_some_and(|it| it.info.succeeded);
        if unseen || is_refused(&own, name, daemon) { self.system_origin(name) } else { own }
    }

    /// Where a setting hurts this user only, that it does, and what the system's files say instead; else nothing.
    pub fn only_for_you(&self, name: &str) -> String {
        if !self.origin(name).is_own() {
            return String::new();
        }
        match self.system_value(name) {
            Some(value) if value.is_empty() => {
                format!("; only for you: the system's files set `{name}` to nothing")
            }
            Some(value) => format!("; only for you: the system's files say `{name} = {value}`"),
            None => "; only for you: the system's files leave it at Nix's default".to_owned(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::parse::conf_files::{parse, parse_variable};

    fn files() -> Vec<ConfFile> {
        vec![
            parse(
                "/etc/nix/nix.conf",
                "max-jobs = auto\nextra-trusted-users = x\ncores = 1\nextra-substituters = b\n",
            ),
            parse("/run/secrets/nix.conf", "substituters = c\nextra-substituters = d\n"),
            parse("/Users/alice/.config/nix/nix.conf", "cores = 2\nbuilders = @/x\n"),
        ]
    }

    #[test]
    fn the_last_word_counts() {
        let files = files();
        let env = UserEnv {
            nix_config: Some(parse_variable("max-jobs = 0\n")),
            nix_remote_systems: Some(vec!["/y".to_owned()]),
            ..UserEnv::default()
        };
        let who = |name| origin(&files, Some(&env), name).words();
        assert_eq!(who("max-jobs"), "by NIX_CONFIG in this shell");
        assert_eq!(who("cores"), "by line 1 of your own /Users/alice/.config/nix/nix.conf");
        assert_eq!(who("substituters"), "by line 2 of /run/secrets/nix.conf");
        assert_eq!(who("builders"), "by line 2 of your own /Users/alice/.config/nix/nix.conf");
        assert_eq!(origin(&files, None, "sandbox"), Origin::Default);
        assert!(matches!(origin(&files[..1], Some(&env), "builders"), Origin::RemoteSystems(_)));
    }

    #[test]
    fn what_the_systems_files_say() {
        let files = files();
        assert_eq!(system_value(&files, "substituters").as_deref(), Some("c d"));
        assert_eq!(system_value(&files, "cores").as_deref(), Some("1"));
        assert_eq!(system_value(&files, "trusted-users"), None);
        assert_eq!(system_value(&files, "builders"), None);
    }

    #[test]
    fn who_is_not_trusted_may_only_empty_builders() {
        let daemon = |trusted| NixDaemon {
            info: crate::parse::store_info::parse(
                &format!("{{\"trusted\":{trusted},\"url\":\"daemon\"}}"),
                "",
                Some(0),
            ),
            ..NixDaemon::default()
        };
        let refused = |text: &str, name: &str, trusted: bool| {
            let set = parse_variable(text);
            is_refused(&Origin::Environment(&set[0]), name, Some(&daemon(trusted)))
        };
        assert!(refused("builders = @/x", "builders", false));
        assert!(!refused("builders = @/x", "builders", true));
        assert!(!refused("builders =", "builders", false));
        assert!(!refused("max-jobs = 0", "max-jobs", false));
        assert!(refused("system-features = a", "system-features", false));
    }
}
