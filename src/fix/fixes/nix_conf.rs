//! Changes a line of nix.conf, where nobody but the user writes it; elsewhere it is an option or a line to paste.

use super::restart_daemon::{restart, restart_action};
use crate::check::Finding;
use crate::evidence::Evidence;
use crate::evidence::conf_files::SYSTEM;
use crate::evidence::machines::Place;
use crate::fix::ground::{unmanaged, word};
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// Takes the guilty line out, so that Nix's default holds.
pub static TAKE_OUT: Fix = Fix {
    id: "take-line-out",
    title: "Take the line that does it out of nix.conf",
    safety: Safety::Ask,
    plan: |e, _, finding| replace(e, finding, "have Nix's default again", |_| Ok(None)),
};

/// Leaves what is no Linux in the line.
pub static NO_LINUX: Fix = Fix {
    id: "no-linux-here",
    title: "Take the Linux systems out of extra-platforms",
    safety: Safety::Ask,
    plan: |e, _, finding| {
        replace(e, finding, "have Linux builds sent to a builder", |line| {
            let (name, value) = assignment(line)?;
            let rest: Vec<&str> = value.split_whitespace().filter(|it| !it.ends_with("-linux")).collect();
            Ok((!rest.is_empty()).then(|| format!("{name} = {}", rest.join(" "))))
        })
    },
};

/// Lets this machine build for itself.
pub static LOCAL_SLOT: Fix = Fix {
    id: "local-slot",
    title: "Set max-jobs to auto",
    safety: Safety::Ask,
    plan: |e, _, finding| {
        replace(e, finding, "let this machine build for itself", |_| Ok(Some("max-jobs = auto".to_owned())))
    },
};

/// Lets the builder fetch by itself.
pub static SUBSTITUTES: Fix = Fix {
    id: "builders-use-substitutes",
    title: "Let the builder fetch from caches by itself",
    safety: Safety::Ask,
    plan: |e, _, finding| {
        const LINE: &str = "builders-use-substitutes = true";
        let why = "let the builder fetch from caches by itself";
        match finding.place {
            Some(_) => replace(e, finding, why, |_| Ok(Some(LINE.to_owned()))),
            None => append(e, why, vec![LINE.to_owned()]),
        }
    },
};

/// Adds what the overridden features lack.
pub static FEATURES: Fix = Fix {
    id: "add-system-features",
    title: "Add the features that the line system-features leaves out",
    safety: Safety::Ask,
    plan: |e, _, finding| {
        let missing = given(finding, "missing-features")?;
        append(e, "let this machine take NixOS tests", vec![format!("extra-system-features = {missing}")])
    },
};

/// Turns on what is expected.
pub static EXPERIMENTAL: Fix = Fix {
    id: "turn-features-on",
    title: "Turn on the experimental features that are expected",
    safety: Safety::Ask,
    plan: |e, want, _| {
        let line = format!("extra-experimental-features = {}", want.nix.experimental_features.join(" "));
        append(e, "have the commands that are expected", vec![line])
    },
};

/// Adds a cache with its key.
pub static CACHE: Fix = Fix {
    id: "add-cache",
    title: "Add the cache and its key",
    safety: Safety::Ask,
    plan: |e, want, finding| {
        let url = given(finding, "cache")?;
        // Only what the expectations name: whom to trust is nobody's guess.
        let cache =
            want.cache.iter().find(|cache| cache.url.trim_end_matches('/') == url.trim_end_matches('/'));
        let cache = cache.ok_or_else(|| NoPlan::NotHere(format!("the expectations do not name {url}")))?;
        let lines = vec![
            format!("extra-substituters = {}", cache.url),
            format!("extra-trusted-public-keys = {}", cache.public_key),
        ];
        append(e, "have Nix ask the cache, and trust what it signs", lines)
    },
};

/// Adds the key of a cache.
pub static CACHE_KEY: Fix = Fix {
    id: "trust-cache-key",
    title: "Add the key of the cache",
    safety: Safety::Ask,
    plan: |e, want, finding| {
        let key = given(finding, "cache-key")?;
        if !want.cache.iter().any(|cache| cache.public_key == key) {
            return Err(NoPlan::NotHere("the expectations do not name the key".to_owned()));
        }
        append(e, "trust what the cache signs", vec![format!("extra-trusted-public-keys = {key}")])
    },
};

fn given<'f>(finding: &'f Finding, name: &str) -> Result<&'f str, NoPlan> {
    word(finding, name).ok_or_else(|| NoPlan::Unknown(format!("{name} was not seen")))
}

fn assignment(line: &str) -> Result<(&str, &str), NoPlan> {
    let parts = line.split('#').next().unwrap_or_default().split_once('=');
    parts
        .map(|(name, value)| (name.trim(), value.trim()))
        .ok_or_else(|| NoPlan::Unknown("the line is not understood".to_owned()))
}

/// The whole line as it was seen, if nothing of it was left out.
pub(super) fn whole(place: &Place) -> Result<&str, NoPlan> {
    let text = place.text.as_str();
    let seen = !text.trim().is_empty() && !text.contains("<redacted>") && text.chars().count() < 400;
    if seen {
        return Ok(text);
    }
    Err(NoPlan::Unknown(format!("not all of line {} of {} was seen", place.line, place.path)))
}

/// Something else in the place of the guilty line, then what reads it starts anew.
fn replace(
    e: &Evidence,
    finding: &Finding,
    why: &str,
    new: impl FnOnce(&str) -> Result<Option<String>, NoPlan>,
) -> Result<Vec<Step>, NoPlan> {
    let place =
        finding.place.as_ref().ok_or_else(|| NoPlan::Unknown("no file that was read sets it".to_owned()))?;
    if !crate::fix::ground::is_sane(&place.path) {
        return Err(NoPlan::NotHere(format!("{} of this shell sets it", place.path)));
    }
    let file = e.conf_files()?.iter().find(|file| file.path == place.path);
    let file = file.ok_or_else(|| NoPlan::Unknown(format!("{} was not read", place.path)))?;
    let was = whole(place)?.to_owned();
    let now = new(&was)?;
    let action = Action::ReplaceLine { path: place.path.clone(), line: place.line, was, now };
    if file.is_own() {
        return Ok(vec![Step::new(action, why, Back::from_journal()).as_user()]);
    }
    unmanaged(e, &place.path)?;
    changed(e, action, why)
}

/// Lines at the end of the system's file, then the daemon starts anew.
fn append(e: &Evidence, why: &str, lines: Vec<String>) -> Result<Vec<Step>, NoPlan> {
    e.conf_files()?;
    unmanaged(e, SYSTEM)?;
    changed(e, Action::AppendLines { path: SYSTEM.to_owned(), lines }, why)
}

fn changed(e: &Evidence, action: Action, why: &str) -> Result<Vec<Step>, NoPlan> {
    let back = Back::FromJournal { then: vec![restart_action(e)?] };
    Ok(vec![Step::new(action, why, back), restart(e, "have the daemon read the file")?])
}
