//! What a switch would meet on this machine: files in its way, the system of now, and the generations of its profile.

use crate::evidence::nix::{WELL_KNOWN, of_root};
use crate::fix::step::STORE;
use crate::host::{Host, HostError, Kind};
use std::path::{Path, PathBuf};

/// What nix-darwin gives a file that it finds in its way.
pub const BACKUP: &str = ".before-nix-darwin";
/// The profile whose generations are systems.
pub const PROFILE: &str = "/nix/var/nix/profiles/system";
/// The link by which a system is known as the present one.
pub const CURRENT: &str = "/run/current-system";
/// What keeps it from the garbage collector.
pub const ROOT_OF_CURRENT: &str = "/nix/var/nix/gcroots/current-system";
/// What the VM writes into /etc at its first start.
pub const KEYS: [&str; 2] = ["/etc/nix/builder_ed25519", "/etc/nix/builder_ed25519.pub"];

/// No configuration places so many files, and no honest /etc is so deep.
const MOST: usize = 4096;
const DEEPEST: usize = 6;

/// What a switch to one system would meet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ground {
    /// That system: a path right below the store.
    pub system: String,
    /// It is the present one already.
    pub is_current: bool,
    /// The present one, links followed; None where nix-darwin is not here.
    pub previous: Option<String>,
    /// Files of nobody's, which the system has links for.
    pub in_the_way: Vec<String>,
    /// What else stands where it has links: what it is, in words.
    pub foreign: Vec<(String, String)>,
    /// Backups of before.
    pub older: Vec<String>,
    /// The profile's present generation, and where it leads.
    pub generation: Option<(u32, String)>,
    /// The number of the profile's next one.
    pub next: u32,
    /// An absolute path; None where no Nix of root's is there.
    pub nix: Option<String>,
    /// The system brings what takes it off a machine again.
    pub has_uninstaller: bool,
    /// Whether something keeps the present system.
    pub is_kept: bool,
    /// The VM's keys that are not there yet.
    pub no_keys: Vec<String>,
}

/// Looks. The error is one line that says why nothing can be told.
pub fn look(host: &dyn Host, system: &str) -> Result<Ground, String> {
    let path = built(host, system)?;
    let there = |path: &Path| host.lstat(path).is_ok();
    let previous = host.canonical(Path::new(CURRENT)).ok().map(|it| it.to_string_lossy().into_owned());
    let mut ground = Ground {
        is_current: previous.as_deref() == Some(system),
        system: system.to_owned(),
        previous,
        has_uninstaller: host.stat(&path.join("sw/bin/darwin-uninstaller")).is_ok(),
        is_kept: there(Path::new(ROOT_OF_CURRENT)),
        no_keys: KEYS.iter().filter(|it| !there(Path::new(it))).map(|it| (*it).to_owned()).collect(),
        nix: nix(host),
        ..Ground::default()
    };
    let mut placed = Vec::new();
    links_below(host, &path.join("etc"), &PathBuf::new(), DEEPEST, &mut placed);
    if placed.len() >= MOST {
        return Err(format!("{system} places more than {MOST} files in /etc: that is no configuration"));
    }
    for name in placed {
        stands(host, &name, &mut ground);
    }
    backups(host, Path::new("/etc"), DEEPEST, &mut ground.older);
    generations(host, &mut ground);
    Ok(ground)
}

/// The path of a system that was built here, and that nobody but root could have put there.
fn built(host: &dyn Host, system: &str) -> Result<PathBuf, String> {
    let shown = crate::prose::line(system);
    let path = Path::new(system);
    let name = system.strip_prefix("/nix/store/").unwrap_or_default();
    if name.is_empty() || name.contains('/') || host.canonical(path).ok().as_deref() != Some(path) {
        return Err(format!("{shown} is no path of the Nix store"));
    }
    let whose = host.lstat(path).map_err(|error| format!("{shown}: {error}"))?;
    if whose.uid != 0 {
        return Err(format!("{shown} is not root's: with a Nix of one user, nothing is activated as root"));
    }
    match host.stat(&path.join("activate")) {
        Ok(_) => Ok(path.to_owned()),
        Err(_) => Err(format!("{shown} is no system of nix-darwin's: it has no activate")),
    }
}

/// The names of the links in a system's etc, from there.
fn links_below(host: &dyn Host, folder: &Path, name: &Path, deep: usize, placed: &mut Vec<PathBuf>) {
    for entry in host.list(&folder.join(name)).unwrap_or_default() {
        let name = name.join(entry);
        match host.lstat(&folder.join(&name)).map(|it| it.kind) {
            _ if placed.len() >= MOST => return,
            Ok(Kind::Folder) if deep > 0 => links_below(host, folder, &name, deep - 1, placed),
            Ok(Kind::Link) => placed.push(name),
            _ => {}
        }
    }
}

/// What stands in /etc where the system has a link; nix-darwin's own link is in nobody's way.
fn stands(host: &dyn Host, name: &Path, ground: &mut Ground) {
    let place = Path::new("/etc").join(name);
    let shown = place.to_string_lossy().into_owned();
    let own = Path::new("/etc/static").join(name);
    match host.lstat(&place) {
        Err(HostError::NotFound) => {}
        Err(error) => ground.foreign.push((shown, error.to_string())),
        Ok(it) if it.kind == Kind::File => ground.in_the_way.push(shown),
        Ok(it) if it.target.as_deref() == Some(&own) => {}
        Ok(it) => ground.foreign.push((
            shown,
            match (it.kind, it.target) {
                (Kind::Link, Some(target)) => {
                    format!("a link to {}", crate::prose::line(&target.to_string_lossy()))
                }
                (Kind::Folder, _) => "a folder".to_owned(),
                _ => "neither a file nor a link".to_owned(),
            },
        )),
    }
}

fn backups(host: &dyn Host, folder: &Path, deep: usize, found: &mut Vec<String>) {
    for name in host.list(folder).unwrap_or_default() {
        let path = folder.join(&name);
        match host.lstat(&path).map(|it| it.kind) {
            _ if found.len() >= MOST => return,
            Ok(Kind::Folder) if deep > 0 => backups(host, &path, deep - 1, found),
            Ok(Kind::File | Kind::Link) if name.ends_with(BACKUP) => {
                found.push(path.to_string_lossy().into_owned());
            }
            _ => {}
        }
    }
}

fn generations(host: &dyn Host, ground: &mut Ground) {
    let profile = Path::new(PROFILE);
    let (Some(folder), Some(name)) = (profile.parent(), profile.file_name()) else { return };
    let name = name.to_string_lossy();
    let number = |link: &str| -> Option<u32> {
        link.strip_prefix(&*name)?.strip_prefix('-')?.strip_suffix("-link")?.parse().ok()
    };
    let all = host.list(folder).unwrap_or_default();
    ground.next = all.iter().filter_map(|link| number(link)).max().unwrap_or(0).saturating_add(1);
    let present = host.lstat(profile).ok().and_then(|it| it.target);
    let present = present.as_ref().and_then(|it| number(&it.file_name()?.to_string_lossy()));
    ground.generation = present.zip(host.canonical(profile).ok().map(|it| it.to_string_lossy().into_owned()));
}

/// A Nix of root's that installers put there; in the store, so that it is still there when profiles change.
fn nix(host: &dyn Host) -> Option<String> {
    let found = WELL_KNOWN.iter().find_map(|path| of_root(host, Path::new(path)))?;
    found.starts_with(STORE).then(|| found.to_string_lossy().into_owned())
}
