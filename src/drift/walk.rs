//! Two values of one fact, compared leaf by leaf.

use super::words;
use crate::evidence::machines::Place;
use serde_json::{Map, Value};
use std::collections::{BTreeMap, HashMap, VecDeque};

/// Of longer lists, entries whose names are redacted are not matched with others.
const FEW: usize = 1000;

/// One leaf that is not the same.
#[derive(Clone, Debug)]
pub(super) struct Leaf {
    /// The names on the way to it; `*` for an entry of a list.
    pub path: String,
    /// The entries of lists on the way to it, by what tells them apart.
    pub subjects: Vec<String>,
    /// Where a file says it: now, else before.
    pub place: Option<Place>,
    pub from: Option<Value>,
    pub to: Option<Value>,
}

/// What is not the same, and how many values cannot be told apart as they are redacted.
#[derive(Default)]
pub(super) struct Walk {
    pub leaves: Vec<Leaf>,
    pub untold: usize,
}

/// Where the walk is.
#[derive(Clone, Default)]
struct At {
    path: String,
    subjects: Vec<String>,
    place: Option<Place>,
}

impl At {
    fn step(&self, name: &str) -> At {
        At { path: format!("{}.{name}", self.path), ..self.clone() }
    }
    fn entry(&self, subject: &str) -> At {
        let mut at = self.step("*");
        at.subjects.push(subject.to_owned());
        at
    }
}

impl Walk {
    /// Compares two values of this fact.
    pub fn fact(&mut self, name: &str, before: &Value, after: &Value) {
        self.compare(&At { path: name.to_owned(), ..At::default() }, Some(before), Some(after));
    }

    fn compare(&mut self, at: &At, before: Option<&Value>, after: Option<&Value>) {
        if before == after || words::is_volatile(&at.path) {
            return;
        }
        let place = [after, before].into_iter().flatten().find_map(place_of);
        let mut at = at.clone();
        at.place = place.or(at.place);
        let (before, after) = (before.map(word), after.map(word));
        match (before, after) {
            (Some(Value::Object(a)), Some(Value::Object(b)))
                if !words::is_leaf(&at.path) && !is_choice(a, b) =>
            {
                self.objects(&at, a, b);
            }
            (Some(Value::Array(a)), Some(Value::Array(b))) if !(is_flat(a) && is_flat(b)) => {
                self.lists(&at, a, b);
            }
            _ => self.leaf(at, before.map(bare).as_ref(), after.map(bare).as_ref()),
        }
    }

    fn objects(&mut self, at: &At, a: &Map<String, Value>, b: &Map<String, Value>) {
        let keyed = words::is_keyed(&at.path);
        for name in a.keys().chain(b.keys().filter(|name| !a.contains_key(*name))) {
            if matches!(name.as_str(), "place" | "columns") {
                continue;
            }
            let next = if keyed { at.entry(name) } else { at.step(name) };
            self.compare(&next, a.get(name), b.get(name));
        }
    }

    /// Entries are told apart by their names, and those of one name by their order.
    fn lists(&mut self, at: &At, a: &[Value], b: &[Value]) {
        let mut left: BTreeMap<usize, (String, &Value)> =
            b.iter().map(|it| (identity(it), it)).enumerate().collect();
        let mut places: HashMap<String, VecDeque<usize>> = HashMap::new();
        for (place, (name, _)) in &left {
            places.entry(name.clone()).or_default().push_back(*place);
        }
        // What strangers' reports hold has no end, and likeness is found by trying each.
        let few = a.len().max(b.len()) <= FEW;
        for before in a {
            let name = identity(before);
            let exact = places.get_mut(&name).and_then(|same| {
                std::iter::from_fn(|| same.pop_front()).find(|place| left.contains_key(place))
            });
            let like = || left.iter().find(|(_, (other, _))| alike(other, &name)).map(|(place, _)| *place);
            match exact.or_else(|| if few { like() } else { None }).and_then(|place| left.remove(&place)) {
                Some((name, after)) => self.compare(&at.entry(&name), Some(before), Some(after)),
                None => self.compare(&at.entry(&name), Some(before), None),
            }
        }
        for (name, after) in left.into_values() {
            self.compare(&at.entry(&name), None, Some(after));
        }
    }

    fn leaf(&mut self, at: At, before: Option<&Value>, after: Option<&Value>) {
        // What one of the two could not see is no change.
        let hidden = |value: Option<&Value>| value.is_some_and(|it| it.get("hidden").is_some());
        if before == after || hidden(before) || hidden(after) {
            return;
        }
        // A field that is left out where it is empty is the same as an empty one.
        let empty = |value: Option<&Value>| match value {
            None | Some(Value::Null) => true,
            Some(Value::Array(all)) => all.is_empty(),
            Some(Value::Object(all)) => all.is_empty(),
            // Nix prints an empty list of external builders so.
            Some(Value::String(text)) => text.is_empty() || text == "[]",
            Some(_) => false,
        };
        if empty(before) && empty(after)
            || words::is_unknown_if_absent(&at.path) && before.is_some() != after.is_some()
        {
            return;
        }
        if let (Some(a), Some(b)) = (before, after)
            && alike(&a.to_string(), &b.to_string())
        {
            self.untold += 1;
            return;
        }
        let At { path, subjects, place } = at;
        self.leaves.push(Leaf { path, subjects, place, from: before.cloned(), to: after.cloned() });
    }
}

fn place_of(value: &Value) -> Option<Place> {
    // By way of text, as all is read: from the value, the reading would be in the program again.
    serde_json::from_str(&value.get("place")?.to_string()).ok()
}

/// A word of a file without its place.
fn word(value: &Value) -> &Value {
    match value {
        Value::Object(all) if all.len() == 2 && all.contains_key("place") => {
            all.get("value").unwrap_or(value)
        }
        other => other,
    }
}

/// A list of words of a file without their places; anything else as it is.
fn bare(value: &Value) -> Value {
    match value {
        Value::Array(all) if is_flat(all) => Value::Array(all.iter().map(word).cloned().collect()),
        other => other.clone(),
    }
}

/// Two variants of one enum: what is in them has nothing to do with each other.
fn is_choice(a: &Map<String, Value>, b: &Map<String, Value>) -> bool {
    a.len() == 1 && b.len() == 1 && a.keys().next() != b.keys().next()
}

fn is_flat(all: &[Value]) -> bool {
    all.iter().map(word).all(|it| !it.is_object() && !it.is_array())
}

/// What tells an entry of a list from the others.
fn identity(entry: &Value) -> String {
    let text = |name: &str| entry.get(name).map(word).and_then(Value::as_str);
    if let (Some(system), Some(_)) = (text("system"), entry.get("log")) {
        let what = text("feature").or_else(|| text("installable"));
        return what.map_or_else(|| system.to_owned(), |what| format!("{system} with {what}"));
    }
    if let (Some(name), Some(append)) = (text("name"), entry.get("append")) {
        return if append == &Value::Bool(true) { format!("extra-{name}") } else { name.to_owned() };
    }
    if let (Some(kind), Some(_)) = (text("kind"), entry.get("base64")) {
        return kind.to_owned();
    }
    ["label", "path", "host", "url", "uri", "name"]
        .into_iter()
        .find_map(text)
        .map_or_else(|| short(entry), str::to_owned)
}

/// A value in a few words.
pub(super) fn short(value: &Value) -> String {
    match value {
        Value::Null => "nothing".to_owned(),
        Value::Bool(yes) => if *yes { "yes" } else { "no" }.to_owned(),
        Value::String(text) if text.is_empty() => "empty".to_owned(),
        Value::String(text) => text.clone(),
        Value::Number(number) => number.to_string(),
        Value::Array(all) if all.is_empty() => "none".to_owned(),
        Value::Array(all) => all.iter().map(|it| short(word(it))).collect::<Vec<_>>().join(", "),
        Value::Object(all) => match all.iter().next() {
            Some((name, inner)) if all.len() == 1 => {
                let name = name.replace('-', " ");
                if inner.is_object() || inner.is_null() { name } else { format!("{name}: {}", short(inner)) }
            }
            _ => all
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "place" | "columns"))
                .map(|(name, inner)| format!("{}: {}", name.replace('_', " "), short(word(inner))))
                .collect::<Vec<_>>()
                .join(", "),
        },
    }
}

/// The same, or the same but for what a token such as `<user-1>` stands for in one of them.
pub(super) fn alike(a: &str, b: &str) -> bool {
    a == b || fits(a, b) || fits(b, a)
}

/// Whether `text` is `pattern` with something in the place of each token.
fn fits(pattern: &str, text: &str) -> bool {
    let mut parts = Parts(pattern);
    let (Some((head, true)), mut rest) = (parts.next_part(), parts) else { return false };
    let Some(mut left) = text.strip_prefix(head) else { return false };
    loop {
        match rest.next_part() {
            // The end of the pattern is the end of the text.
            Some((tail, false)) => return left.len() > tail.len() && left.ends_with(tail),
            Some((part, true)) => {
                let from = left.chars().next().map_or(0, char::len_utf8);
                let found = left.get(from..).and_then(|it| it.find(part));
                match found {
                    Some(at) if from > 0 => left = left.get(from + at + part.len()..).unwrap_or_default(),
                    _ => return false,
                }
            }
            None => return false,
        }
    }
}

/// What stands between the tokens of a text.
struct Parts<'t>(&'t str);

impl<'t> Parts<'t> {
    /// The text up to the next token, and whether there is one.
    fn next_part(&mut self) -> Option<(&'t str, bool)> {
        let text = self.0;
        let mut from = 0;
        while let Some(start) = text.get(from..).and_then(|it| it.find('<')).map(|at| from + at) {
            let inner = text.get(start + 1..).unwrap_or_default();
            let end = inner.find('>').filter(|end| is_token(inner.get(..*end).unwrap_or_default()));
            if let Some(end) = end {
                self.0 = inner.get(end + 1..).unwrap_or_default();
                return Some((text.get(..start).unwrap_or_default(), true));
            }
            from = start + 1;
        }
        self.0 = "";
        Some((text, false))
    }
}

fn is_token(inner: &str) -> bool {
    inner.rsplit_once('-').is_some_and(|(kind, number)| {
        !kind.is_empty()
            && kind.chars().all(|c| c.is_ascii_lowercase() || c == '-')
            && !number.is_empty()
            && number.chars().all(|c| c.is_ascii_digit())
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_stands_for_anything_but_nothing() {
        assert!(alike("/Users/<user-1>/x", "/Users/alice/x"));
        assert!(alike("/Users/alice/x", "/Users/<user-2>/x"));
        assert!(alike("<user-1>", "alice"));
        assert!(alike("<user-1>@<host-1>:22", "alice@mac.local:22"));
        assert!(alike("<user-1>/a", "<user-2>/a"));
        assert!(!alike("/Users/<user-1>/x", "/Users//x"));
        assert!(!alike("/Users/<user-1>/x", "/Users/alice/y"));
        assert!(!alike("a <b> c", "a <d> c"));
        assert!(!alike("nix-2", "nix-3"));
        assert!(!alike("<user-1>", ""));
    }
}
