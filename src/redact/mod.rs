//! Evidence that can be shown to others: each value of a known kind gives way to a token of this report
//! (`<user-1>`), the same everywhere, so that what belongs together still does and is judged the same.
//!
//! What kind a string is says the schema of its type (`kind`); what was learned from fields that are names
//! is replaced in all other strings as well (`names`).

pub mod kind;
mod names;

pub use names::is_own_word;
pub(crate) use names::is_public_name;

use crate::evidence::Evidence;
use crate::expectations::Expectations;
use crate::host::secrets::Secrets;
use crate::parse::text::scrub;
use crate::report::json;
use kind::{Kind, Spot};
use names::{Names, Sort, moved};
use serde_json::Value;

/// What a token stands for, and how often it stands. For the eyes of whoever owns the machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Redaction {
    /// Such as `<user-1>`.
    pub token: String,
    /// What it stands for.
    pub value: String,
    /// In how many places.
    pub count: usize,
}

/// The evidence with tokens for names, and what they stand for.
pub fn redact(
    evidence: &Evidence,
    want: &Expectations,
    secrets: &Secrets,
) -> Result<(Evidence, Vec<Redaction>), String> {
    let (mut all, used) = redact_together(&[evidence], want, secrets)?;
    all.pop().map(|shown| (shown, used)).ok_or_else(|| "there is no evidence".to_owned())
}

/// Evidence of several times, in which the same token stands for the same name.
pub fn redact_together(
    all: &[&Evidence],
    want: &Expectations,
    secrets: &Secrets,
) -> Result<(Vec<Evidence>, Vec<Redaction>), String> {
    let mut values = all.iter().map(|evidence| value_of(evidence)).collect::<Result<Vec<_>, _>>()?;
    let hosts = want.cache.iter().filter_map(|cache| {
        let rest = cache.url.split_once("://")?.1;
        rest.split(['/', ':', '?']).next().map(str::to_ascii_lowercase)
    });
    let mut names = Names::new(hosts.chain([want.builder.host.to_ascii_lowercase()]));
    for value in &mut values {
        without_secrets(value, &Spot::top(kind::schema()));
        names.pass_over_tokens(&value.to_string());
    }
    for value in &values {
        each(value, &Spot::top(kind::schema()), &mut |text, kind| match kind {
            Kind::UserName => names.learn(Sort::User, text),
            Kind::HostName if !text.contains(['/', ' ']) => names.learn(Sort::Host, text),
            Kind::Public => {}
            _ => names.learn_from(text),
        });
    }
    // Last, so that the numbers are those of the evidence wherever it is judged.
    secrets.own_names(|user, home, host| {
        if let Some(user) = user {
            names.learn(Sort::User, user);
        }
        if let Some(home) = home.filter(|home| is_home_of_its_own(home)) {
            names.learn(Sort::Home, home.trim_start_matches('/'));
        }
        if let Some(host) = host {
            names.learn(Sort::Host, host);
            names.learn(Sort::Host, host.split('.').next().unwrap_or(host));
        }
    });
    names.keep_expected(expected(want));
    values.iter_mut().for_each(|value| replace(value, &Spot::top(kind::schema()), &names));
    let texts: Vec<String> = values.iter().map(ToString::to_string).collect();
    let used = names.all.iter().map(|name| Redaction {
        token: name.token.clone(),
        value: name.value.clone(),
        count: texts.iter().map(|text| text.matches(&name.token).count()).sum(),
    });
    let used = used.filter(|it| it.count > 0).collect();
    Ok((values.iter().map(evidence_of).collect::<Result<_, _>>()?, used))
}

/// A home by whose path no user is named already, and that is not every machine's.
fn is_home_of_its_own(home: &str) -> bool {
    let inner = home.trim_matches('/');
    let last = inner.rsplit('/').next().unwrap_or(inner);
    inner.contains('/')
        && !home.starts_with("/Users/")
        && !home.starts_with("/home/")
        && !is_public_name(last)
}

/// The evidence with the names in it, and without any secret: what a report for local use holds.
pub fn without_any_secret(evidence: &Evidence) -> Result<Evidence, String> {
    let mut value = value_of(evidence)?;
    without_secrets(&mut value, &Spot::top(kind::schema()));
    evidence_of(&value)
}

/// The first place of the evidence, or of the finished report, where a secret or a name of this machine
/// stands. `names` are looked for only in what is redacted, and not in what is expected.
pub fn survivor(
    evidence: &Evidence,
    want: &Expectations,
    report: &str,
    secrets: &Secrets,
    names: bool,
) -> Option<String> {
    let phrases: Vec<String> = expected(want).into_iter().filter(|it| secrets.found_in(it, true)).collect();
    let holds = |text: &str| {
        if !names || phrases.is_empty() {
            return secrets.found_in(text, names);
        }
        let rest = phrases.iter().fold(text.to_ascii_lowercase(), |rest, it| rest.replace(it.as_str(), " "));
        secrets.found_in(text, false) || secrets.found_in(&rest, true)
    };
    let value = value_of(evidence).unwrap_or_default();
    let mut found = None;
    walk_paths(&value, "evidence", &Spot::top(kind::schema()), &mut |path, text, kind| {
        // The words of the schema are everybody's.
        if found.is_none() && kind.is_some() && holds(text) {
            found = Some(path.to_owned());
        }
    });
    found.or_else(|| holds(report).then(|| "the text of a finding".to_owned()))
}

/// What is expected, in small letters and longest first: it stays, whatever name is part of it.
fn expected(want: &Expectations) -> Vec<String> {
    let mut all = Vec::new();
    strings(&serde_json::to_value(want).unwrap_or_default(), &mut all);
    let hosts = all.iter().filter_map(|it| it.split_once("://")?.1.split(['/', ':', '?']).next());
    let hosts: Vec<String> = hosts.map(str::to_owned).collect();
    all.extend(hosts);
    // A word of two letters could be part of anything.
    all.retain(|it| it.len() > 2);
    all.sort_by_key(|it| std::cmp::Reverse(it.len()));
    all.dedup();
    all
}

fn strings(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) => found.push(text.to_ascii_lowercase()),
        Value::Array(all) => all.iter().for_each(|it| strings(it, found)),
        Value::Object(all) => all.values().for_each(|it| strings(it, found)),
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Whether a value stands in a text as a word of its own, in small letters or large.
pub(crate) fn stands_in(text: &str, value: &str) -> bool {
    !names::at_word_bounds(&text.to_ascii_lowercase(), &value.to_ascii_lowercase()).is_empty()
}

fn value_of(evidence: &Evidence) -> Result<Value, String> {
    serde_json::to_value(evidence).map_err(|error| format!("the evidence cannot be redacted: {error}"))
}

fn evidence_of(value: &Value) -> Result<Evidence, String> {
    // Read as reports are: another way would have all the reading in the program twice.
    let found = json::evidence(&value.to_string())?;
    let lost = found.states().into_iter().find(|(fact, state)| value[fact].get(state).is_none());
    lost.map_or(Ok(found), |(fact, _)| {
        Err(format!("the evidence cannot be redacted: {fact} is no longer what it was"))
    })
}

/// Each string with its kind, names of maps included.
fn each(value: &Value, spot: &Spot, told: &mut impl FnMut(&str, Kind)) {
    walk_paths(value, "", spot, &mut |_, text, kind| {
        if let Some(kind) = kind {
            told(text, kind);
        }
    });
}

fn walk_paths(value: &Value, path: &str, spot: &Spot, told: &mut impl FnMut(&str, &str, Option<Kind>)) {
    match value {
        Value::String(text) => told(path, text, spot.kind_of(text)),
        Value::Array(all) => {
            for (i, it) in all.iter().enumerate() {
                walk_paths(it, &format!("{path}[{i}]"), &spot.item(i), told);
            }
        }
        Value::Object(all) => {
            for (key, it) in all {
                if let Some(kind) = spot.kind_of_key(key) {
                    told(path, key, Some(kind));
                }
                walk_paths(it, &format!("{path}.{key}"), &spot.key(key), told);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// Takes out what never leaves: fields that are secrets, and whatever has the shape of one.
fn without_secrets(value: &mut Value, spot: &Spot) {
    match value {
        Value::String(text) => match spot.kind_of(text) {
            Some(Kind::Secret) if !text.is_empty() => "<redacted>".clone_into(text),
            Some(_) => *text = scrub(text),
            None => {}
        },
        Value::Array(all) => {
            for (i, it) in all.iter_mut().enumerate() {
                without_secrets(it, &spot.item(i));
            }
            // The words of a setting may be a secret and its name, which went apart.
            let words: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            if let Some(words) = words.filter(|words| words.len() > 1)
                && words.iter().all(|it| !it.contains(char::is_whitespace))
            {
                let together = format!("- {}", words.join(" "));
                if scrub(&together) != together {
                    let marked = |it: &str| it.len() > 4 && it != "<redacted>";
                    let parts: Vec<Value> =
                        words.iter().map(|it| if marked(it) { "<redacted>" } else { it }.into()).collect();
                    *all = parts;
                }
            }
            // A private key may be spread over the lines of a log.
            let lines: Option<Vec<&str>> = all.iter().map(Value::as_str).collect();
            if let Some(lines) = lines.filter(|lines| lines.iter().any(|it| it.contains("PRIVATE KEY"))) {
                let scrubbed = scrub(&lines.join("\n"));
                let parts: Vec<Value> = scrubbed.split('\n').map(Value::from).collect();
                *all = parts;
            }
        }
        Value::Object(all) => {
            for (key, it) in all.iter_mut() {
                without_secrets(it, &spot.key(key));
            }
            let secret = |key: &String| spot.kind_of_key(key).is_some() && scrub(key) != *key;
            let odd: Vec<String> = all.keys().filter(|key| secret(key)).cloned().collect();
            for key in odd {
                if let Some(it) = all.remove(&key) {
                    all.insert(scrub(&key), it);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

fn replace(value: &mut Value, spot: &Spot, names: &Names) {
    match value {
        Value::String(text) => {
            if let Some(kind) = spot.kind_of(text) {
                let whole = matches!(kind, Kind::UserName | Kind::HostName | Kind::IpAddress);
                *text = if spot.is_address() { names.address(text) } else { names.replaced(text, whole).0 };
            }
        }
        Value::Array(all) => {
            for (i, it) in all.iter_mut().enumerate() {
                replace(it, &spot.item(i), names);
            }
        }
        Value::Object(all) => {
            move_columns(all, names);
            for (key, it) in all.iter_mut() {
                replace(it, &spot.key(key), names);
            }
            let keys: Vec<String> = all.keys().cloned().collect();
            for key in keys {
                let whole = match spot.kind_of_key(&key) {
                    None => continue,
                    Some(kind) => matches!(kind, Kind::UserName | Kind::HostName | Kind::IpAddress),
                };
                let (new, changed) = names.replaced(&key, whole);
                if changed && let Some(it) = all.remove(&key) {
                    all.insert(new, it);
                }
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) => {}
    }
}

/// A caret stays under its word: columns move with the text of their line, which is replaced after this.
fn move_columns(all: &mut serde_json::Map<String, Value>, names: &Names) {
    let moved_in = |text: &str, column: &Value| {
        let column = column.as_u64()?;
        Some(Value::from(moved(text, &names.swaps(text, false), column)))
    };
    let text = all.get("text").and_then(Value::as_str).map(str::to_owned);
    if let (Some(text), Some(column)) = (text, all.get_mut("column"))
        && let Some(new) = moved_in(&text, column)
    {
        *column = new;
    }
    let line = all.get("place").and_then(|it| it.get("text")).and_then(Value::as_str).map(str::to_owned);
    if let (Some(line), Some(Value::Array(columns))) = (line, all.get_mut("columns")) {
        for column in columns {
            if let Some(new) = moved_in(&line, column) {
                *column = new;
            }
        }
    }
}

#[cfg(test)]
mod tests;
