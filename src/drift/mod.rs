//! What changed between two looks at one machine: pure, and without a verdict.
//!
//! The facts are compared leaf by leaf, so that nothing is dropped for want of a rule; `words` says what a
//! difference is called, and what differs between any two looks and so is none. A change that has no name there
//! is minor: told, and last.

mod walk;
mod words;

use crate::check::{Check, Layer, Verdict};
use crate::diagnosis::{Diagnosis, Role};
use crate::evidence::file_times::STATIC;
use crate::evidence::{Evidence, machines};
use crate::expectations::Expectations;
use crate::prose::{line, moment};
use schemars::JsonSchema;
use serde::Serialize;
use serde_json::Value;
use std::collections::BTreeMap;
use walk::{Leaf, Walk, short};

/// One thing that is not as it was.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Change {
    /// What changed: a fragment.
    pub what: String,
    /// The fact of the evidence that tells it, or `tool`, or `expectations`.
    pub fact: String,
    /// The layer that it is about.
    pub layer: Layer,
    /// What it was; None where there was nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// What it is; None where there is nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// Of a list: what is no longer in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub lost: Vec<String>,
    /// Of a list: what is new in it.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub gained: Vec<String>,
    /// When the file that tells it was last written, in seconds since 1970.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub at: Option<u64>,
    /// The causes that would not be there if this fact were as before: by this change, or another one of the fact.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub explains: Vec<&'static str>,
    /// It has no name of its own, and is likely of no account.
    #[serde(skip_serializing_if = "std::ops::Not::not")]
    pub minor: bool,
}

/// Values in a sentence are cut in their middle beyond this many characters.
const SHOWN: usize = 60;
/// The name by which changes of what is expected go.
const EXPECTATIONS: &str = "expectations";
/// More changes than this are not told.
const MOST: usize = 200;

impl Change {
    /// In words; `arrow` stands between what was and what is.
    pub fn text(&self, arrow: &str) -> String {
        let list = |all: &[String]| cut(&all.join(", "), SHOWN);
        let parts: Vec<String> = [("lost", &self.lost), ("gained", &self.gained)]
            .into_iter()
            .filter(|(_, all)| !all.is_empty())
            .map(|(word, all)| format!("{word} {}", list(all)))
            .collect();
        if !parts.is_empty() {
            return format!("{} {}", self.what, parts.join(", "));
        }
        let side =
            |value: &Option<String>| value.as_deref().map_or("nothing".to_owned(), |it| cut(it, SHOWN));
        format!("{}: {} {arrow} {}", self.what, side(&self.from), side(&self.to))
    }
}

/// What is not the same in two looks.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Comparison {
    /// The changes, those that matter most first.
    pub changes: Vec<Change>,
    /// So many values are redacted in one of the two, and cannot be told apart.
    pub untold: usize,
}

/// What changed since the machine was last seen healthy.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Changes {
    /// When that was, in seconds since 1970.
    pub since: Option<u64>,
    /// When this look was, in seconds since 1970.
    pub until: Option<u64>,
    /// What changed, what explains a cause first.
    pub items: Vec<Change>,
}

/// A look, and by what and whom it was judged.
#[derive(Clone, Copy)]
pub struct Side<'a> {
    /// The facts.
    pub evidence: &'a Evidence,
    /// What was expected.
    pub expectations: &'a Expectations,
    /// Which builder-doctor looked.
    pub version: &'a str,
}

/// What changed between two looks, by the facts alone.
pub fn compare(before: &Evidence, after: &Evidence) -> Comparison {
    let (Value::Object(a), Value::Object(b)) = (as_value(before), as_value(after)) else {
        return Comparison::default();
    };
    let mut walk = Walk::default();
    let mut changes = Vec::new();
    let mut gone: BTreeMap<String, Vec<&(&str, Layer, &str)>> = BTreeMap::new();
    for row in words::FACTS {
        let (name, layer, title) = *row;
        let (Some(was), Some(is)) = (a.get(name), b.get(name)) else { continue };
        let fact = |probe: &'_ Value| probe.get("seen").and_then(|seen| seen.get("fact")).cloned();
        let blind = |probe: &Value| {
            probe.get("blind").and_then(|it| it.get("because")).and_then(Value::as_str).map(line)
        };
        match (fact(was), fact(is), blind(was), blind(is)) {
            (Some(was), Some(is), ..) => walk.fact(name, &was, &is),
            (Some(_), None, _, Some(because)) => gone.entry(because).or_default().push(row),
            (None, Some(_), Some(because), _) => changes.push(Change {
                from: Some(because),
                to: Some("seen".to_owned()),
                minor: true,
                ..change(title, name, layer)
            }),
            _ => {}
        }
    }
    let rewritten: Vec<String> = walk
        .leaves
        .iter()
        .filter(|leaf| leaf.path.starts_with("conf_files.*.settings"))
        .filter_map(|leaf| leaf.subjects.last())
        .map(|name| format!("nix_config.read.{}", name.trim_start_matches("extra-").replace('-', "_")))
        .collect();
    // The file and line say it better than the setting itself.
    walk.leaves.retain(|leaf| !rewritten.contains(&leaf.path));
    let jobs = [after.builder_job(), after.daemon_job()];
    let label = |name: &String| jobs.iter().flatten().any(|job| job.label == *name);
    walk.leaves.retain(|leaf| !(leaf.path == "disabled_jobs.*" && leaf.subjects.iter().any(label)));
    // The path by which a manager is known is no change of manager.
    walk.leaves
        .retain(|leaf| !(leaf.path.starts_with("managers.") && leaf.from.is_some() && leaf.to.is_some()));
    walk.leaves.sort_by_cached_key(|leaf| words::order(&leaf.path));
    // What strangers' reports hold has no end, and what follows compares each with each.
    walk.leaves.truncate(10 * MOST);
    changes.extend(walk.leaves.iter().filter_map(|leaf| told(leaf, before, after)));
    changes.extend(gone.into_iter().filter_map(|(because, rows)| {
        let (name, layer, _) = rows.first()?;
        let titles: Vec<&str> = rows.iter().map(|(_, _, title)| *title).collect();
        let (from, to) = (Some("seen".to_owned()), Some(because));
        Some(Change { from, to, ..change(crate::prose::and(&titles), name, *layer) })
    }));
    changes.extend(crash(before, after));
    group(&mut changes);
    let written = written(before, after, &changes);
    changes.extend(written);
    changes.sort_by_key(rank);
    changes.truncate(MOST);
    Comparison { changes, untold: walk.untold }
}

/// What changed between two looks, with what they were judged by and who looked.
pub fn between(before: &Side, after: &Side) -> Comparison {
    let mut found = compare(before.evidence, after.evidence);
    let mut walk = Walk::default();
    walk.fact(EXPECTATIONS, &as_value(before.expectations), &as_value(after.expectations));
    found.untold += walk.untold;
    let expected = walk.leaves.iter().map(|leaf| {
        let path = leaf.path.trim_start_matches("expectations.").replace(".*", "").replace('.', " ");
        valued(change(format!("what is expected: {path}"), EXPECTATIONS, Layer::Config), leaf)
    });
    found.changes.extend(expected);
    if before.version != after.version && !before.version.is_empty() {
        found.changes.push(Change {
            from: Some(line(before.version)),
            to: Some(line(after.version)),
            minor: true,
            ..change("builder-doctor", "tool", Layer::Host)
        });
    }
    found.changes.sort_by_key(rank);
    found
}

/// What changed since a healthy look, what explains a cause first.
pub fn since(healthy: &Side, now: &Side, diagnosis: &Diagnosis) -> Changes {
    let mut items = between(healthy, now).changes;
    attribute(&mut items, healthy, now, diagnosis);
    let time = |side: &Side| side.evidence.taken().ok().map(|taken| taken.at);
    Changes { since: time(healthy), until: time(now), items }
}

/// Names, with each change, the causes that would not be there if its fact were as before; and puts those that
/// name one first, then those of the first cause's layer.
pub fn attribute(changes: &mut [Change], before: &Side, now: &Side, diagnosis: &Diagnosis) {
    let causes: Vec<&'static Check> = diagnosis
        .findings()
        .filter(|(_, _, role)| *role == Role::Cause)
        .map(|(judged, ..)| judged.check)
        .collect();
    let fails =
        |check: &Check, e: &Evidence| matches!((check.judge)(e, now.expectations), Ok(Verdict::Fail(_)));
    let mut known: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
    for it in changes.iter_mut() {
        let explained = known.entry(it.fact.clone()).or_insert_with(|| {
            let mut as_before = now.evidence.clone();
            as_before.adopt(&it.fact, before.evidence);
            let want = if it.fact == EXPECTATIONS { before.expectations } else { now.expectations };
            let gone = |check: &&&'static Check| {
                matches!((check.judge)(&as_before, want), Ok(Verdict::Pass(_) | Verdict::Moot(_)))
                    && fails(check, now.evidence)
            };
            causes.iter().filter(gone).map(|check| check.id).collect()
        });
        if !it.minor {
            it.explains.clone_from(explained);
        }
    }
    let first = |it: &Change| causes.iter().position(|cause| it.explains.contains(&cause.id));
    let layer = causes.first().map(|cause| cause.layer);
    changes.sort_by_key(|it| (first(it).unwrap_or(usize::MAX), it.minor, Some(it.layer) != layer, rank(it)));
}

/// Causes before symptoms: in the order in which a build travels, and what has no name last.
fn rank(change: &Change) -> (bool, bool, Layer) {
    (change.minor, words::is_symptom(&change.fact), change.layer)
}

fn as_value(it: &impl Serialize) -> Value {
    serde_json::to_value(it).unwrap_or_default()
}

fn change(what: impl Into<String>, fact: &str, layer: Layer) -> Change {
    Change {
        what: what.into(),
        fact: fact.to_owned(),
        layer,
        from: None,
        to: None,
        lost: Vec::new(),
        gained: Vec::new(),
        at: None,
        explains: Vec::new(),
        minor: false,
    }
}

/// A difference in words; None where it is too small to be one.
fn told(leaf: &Leaf, before: &Evidence, after: &Evidence) -> Option<Change> {
    let fact = leaf.path.split('.').next().unwrap_or_default();
    let (_, layer, _) = words::FACTS.iter().find(|(name, ..)| *name == fact)?;
    let named = words::name(&leaf.path);
    let what = match named {
        Some((words, last)) => {
            let name = match leaf.path.starts_with("nix_config.") {
                true => last.replace('_', "-"),
                false => last.replace('_', " "),
            };
            filled(words, leaf, &name)
        }
        None => {
            let path = leaf.path.replace(".*", "");
            match leaf.subjects.as_slice() {
                [] => path,
                all => format!("{path} ({})", all.join(", ")),
            }
        }
    };
    if leaf.path.ends_with("disk.free_kib") {
        return room(change(what, fact, *layer), leaf);
    }
    let at = written_at(leaf, before, after);
    let whole = change(cut(&line(&what), 2 * SHOWN), fact, *layer);
    let uid = |e: &Evidence| e.user().ok().map(|user| user.uid);
    let others = words::is_the_users(&leaf.path) && uid(before) != uid(after);
    // A machine that does not answer shows no key, which its port tells already.
    let silent = fact == "host_keys" && (leaf.to.is_none() || leaf.from.is_none());
    Some(Change { at, minor: named.is_none() || others || silent, ..valued(whole, leaf) })
}

/// One change for all test builds that fared alike.
fn group(changes: &mut Vec<Change>) {
    const ONE: &str = "test build for ";
    let mut grouped: Vec<Change> = Vec::new();
    for it in std::mem::take(changes) {
        let like = |other: &&mut Change| {
            other.what.starts_with(ONE) && (&other.from, &other.to) == (&it.from, &it.to)
        };
        match (it.what.strip_prefix(ONE), grouped.iter_mut().find(like)) {
            (Some(what), Some(first)) => first.what = cut(&format!("{}, {what}", first.what), 2 * SHOWN),
            _ => grouped.push(it),
        }
    }
    *changes = grouped;
}

fn filled(words: &str, leaf: &Leaf, name: &str) -> String {
    let place = leaf.place.as_ref().map_or_else(
        || "its file".to_owned(),
        |place| match place.path.starts_with('/') {
            true => format!("{} line {}", place.path, place.line),
            false => format!("`{}`", place.path),
        },
    );
    let mut text = words.replace("{place}", &place).replace("{name}", name);
    for (i, subject) in leaf.subjects.iter().enumerate() {
        text = text.replace(&format!("{{{i}}}"), subject);
    }
    text
}

/// A change with what was and what is.
fn valued(change: Change, leaf: &Leaf) -> Change {
    let value = |side: &Option<Value>| side.as_ref().map(|it| line(&shown(&leaf.path, it)));
    let list = |side: &Option<Value>| match side {
        Some(Value::Array(all)) => Some(all.iter().map(|it| line(&short(it))).collect::<Vec<_>>()),
        None => Some(Vec::new()),
        Some(_) => None,
    };
    let mut change = Change { from: value(&leaf.from), to: value(&leaf.to), ..change };
    if let (Some(was), Some(is)) = (list(&leaf.from), list(&leaf.to)) {
        change.lost = was.iter().filter(|it| !is.contains(it)).cloned().collect();
        change.gained = is.iter().filter(|it| !was.contains(it)).cloned().collect();
    }
    change
}

/// A value as the sentence has it.
fn shown(path: &str, value: &Value) -> String {
    let field = |name: &str| value.get(name);
    let text = |name: &str| field(name).and_then(Value::as_str).map(str::to_owned);
    let whole = match path {
        "nix.version.text" => value.as_str().map(|it| it.trim_start_matches("nix (Nix) ").to_owned()),
        "nix.version" => text("text"),
        "conf_files.*" => {
            field("settings").and_then(Value::as_array).filter(|all| !all.is_empty()).map(|all| {
                let names: Vec<&str> = all.iter().filter_map(|it| it.get("name")?.as_str()).collect();
                format!("sets {}", names.join(", "))
            })
        }
        "managers.nix_darwin" | "managers.determinate" => Some("yes".to_owned()),
        "builder_jobs.*" => Some("installed".to_owned()),
        "host_keys.*.scan.keys.*" => text("base64"),
        "machines.machines.*" => field("uri").and_then(|uri| uri.get("value")).map(short),
        "conf_files.*.settings.*" => text("value"),
        "conf_files.*.includes.*" => text("path"),
        "ssh_files.*" => text("mode").map(|mode| format!("mode {mode}")),
        "key_files.*" => field("state").map(short),
        "machines.problems.*" => text("nix_says").filter(|it| !it.is_empty()).or_else(|| text("kind")),
        _ if path.ends_with(".last_exit") => Some(last_exit(value)),
        _ if path.ends_with(".answer") => field("ssh").map(short),
        _ if path.ends_with(".printed") && value == "not-found" => Some("not loaded".to_owned()),
        _ => None,
    };
    let variant = [".answer", ".outcome", ".printed", ".backend"].iter().any(|it| path.ends_with(it));
    whole.unwrap_or_else(|| match value {
        Value::String(text) if variant => text.replace('-', " "),
        Value::Object(all) if all.len() > 1 => "present".to_owned(),
        other => short(other),
    })
}

fn last_exit(value: &Value) -> String {
    let code = value.get("code").filter(|it| !it.is_null()).map(|code| format!("code {}", short(code)));
    let text = value.get("text").and_then(Value::as_str).map(str::to_owned);
    match (code, text) {
        (Some(code), Some(text)) => format!("{code}, {text}"),
        (Some(one), None) | (None, Some(one)) => one,
        (None, None) => "never".to_owned(),
    }
}

/// The room on a disk changes with every build: only what halved, and is short now, is told.
fn room(change: Change, leaf: &Leaf) -> Option<Change> {
    const SHORT_KIB: u64 = 20 << 20;
    let (was, is) = (leaf.from.as_ref()?.as_u64()?, leaf.to.as_ref()?.as_u64()?);
    let gigabytes = |kib: u64| Some(format!("{:.1} GiB", kib as f64 / f64::from(1 << 20)));
    (is < SHORT_KIB && is < was / 2).then(|| Change { from: gigabytes(was), to: gigabytes(is), ..change })
}

/// When the file behind a difference was last written, where that can have been the change.
fn written_at(leaf: &Leaf, before: &Evidence, after: &Evidence) -> Option<u64> {
    let of_job =
        |job: Result<&crate::evidence::service::Service, _>| job.ok().map(|it| it.plist.path.clone());
    let path = match leaf.path.as_str() {
        path if path.starts_with("machines_file.") => Some(machines::FILE.to_owned()),
        path if path.starts_with("builder_job.plist.") => of_job(after.builder_job()),
        path if path.starts_with("daemon_job.plist.") => of_job(after.daemon_job()),
        _ => leaf.place.as_ref().map(|place| place.path.clone()).or_else(|| leaf.subjects.first().cloned()),
    }?;
    let at = time_of(&path, after)?;
    let healthy = before.taken().ok().map(|taken| taken.at);
    healthy.is_none_or(|healthy| at > healthy).then_some(at)
}

/// When a file was last written; of nix-darwin's, when it was last switched.
fn time_of(path: &str, e: &Evidence) -> Option<u64> {
    let times = e.file_times().ok().map(Vec::as_slice).unwrap_or_default();
    let of = |path: &str| times.iter().find(|it| it.path == path);
    if let Some(found) = of(path) {
        let switched = found.target.as_deref().is_some_and(|it| it.starts_with(STATIC)).then(|| of(STATIC));
        return Some(switched.flatten().unwrap_or(found).modified);
    }
    let ago = e.conf_changes().ok()?.iter().find(|change| change.path == path)?.seconds_ago;
    e.taken().ok()?.at.checked_sub(ago)
}

/// Files that were written and in which nothing else is seen to differ; and where nix-darwin's link leads.
fn written(before: &Evidence, after: &Evidence, told: &[Change]) -> Vec<Change> {
    let (Ok(was), Ok(is)) = (before.file_times(), after.file_times()) else { return Vec::new() };
    let mut all = Vec::new();
    for now in is.iter().take(MOST) {
        let then = was.iter().take(MOST).find(|then| walk::alike(&then.path, &now.path));
        let Some(then) = then.filter(|it| (it.modified, &it.target) != (now.modified, &now.target)) else {
            continue;
        };
        // A bare time is worth little where what was written is told.
        let minor = told.iter().any(|it| !it.minor && it.what.contains(&now.path));
        let what = if now.path == STATIC { "nix-darwin's system" } else { now.path.as_str() };
        let (from, to) = match (&then.target, &now.target) {
            (a, b) if a != b => (
                Some(a.clone().unwrap_or_else(|| "a file".to_owned())),
                Some(b.clone().unwrap_or_else(|| "a file".to_owned())),
            ),
            _ => (Some(moment(then.modified)), Some(format!("written {}", moment(now.modified)))),
        };
        let at = Some(now.modified);
        all.push(Change { from, to, at, minor, ..change(line(what), "file_times", Layer::Config) });
    }
    all
}

/// A crash of the VM's after the first look.
fn crash(before: &Evidence, after: &Evidence) -> Option<Change> {
    let newest = after.crash_reports().ok()?.newest.as_ref()?;
    let at = after.taken().ok()?.at.checked_sub(newest.seconds_ago)?;
    let said = newest.says.indicator.clone().unwrap_or_else(|| "a report".to_owned());
    let first = at > before.taken().ok()?.at;
    let crash = change("the VM's QEMU crashed", "crash_reports", Layer::Service);
    first.then(|| Change { to: Some(line(&said)), at: Some(at), ..crash })
}

/// The beginning and the end of a text that is longer than this.
fn cut(text: &str, most: usize) -> String {
    let all: Vec<char> = text.chars().collect();
    if all.len() <= most {
        return text.to_owned();
    }
    let (head, tail) = (all.iter().take(most / 2), all.iter().skip(all.len() - most / 2));
    head.chain(std::iter::once(&'…')).chain(tail).collect()
}
