//! What kind of thing each string of the evidence holds, as its schema says (`x-kind`).

use serde_json::Value;
use std::sync::OnceLock;

/// The key of the schema under which a field says its kind.
pub const KEY: &str = "x-kind";

/// What a string may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// The name of a user.
    UserName,
    /// The name of a machine.
    HostName,
    /// A path, which may lead through somebody's home.
    Path,
    /// A URL, which may hold a login and the name of a machine.
    Url,
    /// The address of a machine.
    IpAddress,
    /// What never leaves.
    Secret,
    /// Free text, which may hold any of these.
    Text,
    /// A version, or a word that says nothing of anybody.
    Public,
}

impl Kind {
    /// The kind of this name in the schema.
    pub fn named(name: &str) -> Option<Self> {
        Some(match name {
            "user-name" => Kind::UserName,
            "host-name" => Kind::HostName,
            "path" => Kind::Path,
            "url" => Kind::Url,
            "ip-address" => Kind::IpAddress,
            "secret" => Kind::Secret,
            "text" => Kind::Text,
            "public" => Kind::Public,
            _ => return None,
        })
    }
}

/// The schema of the evidence.
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| crate::report::schema::of("Evidence"))
}

/// A place in the schema: what may stand there, and the kind that it has from above.
#[derive(Clone)]
pub(super) struct Spot<'s> {
    root: &'s Value,
    nodes: Vec<(&'s Value, Option<Kind>)>,
}

impl<'s> Spot<'s> {
    pub(super) fn top(root: &'s Value) -> Self {
        Spot { root, nodes: expanded(root, vec![(root, None)]) }
    }

    /// What may stand under this key.
    pub(super) fn key(&self, key: &str) -> Self {
        self.below(|node| {
            node.get("properties").and_then(|all| all.get(key)).or_else(|| node.get("additionalProperties"))
        })
    }

    /// What may stand at this place of a list.
    pub(super) fn item(&self, index: usize) -> Self {
        self.below(|node| {
            node.get("prefixItems").and_then(|all| all.get(index)).or_else(|| node.get("items"))
        })
    }

    fn below(&self, step: impl Fn(&'s Value) -> Option<&'s Value>) -> Self {
        let next = self.nodes.iter().filter_map(|(node, kind)| Some((step(node)?, *kind))).collect();
        Spot { root: self.root, nodes: expanded(self.root, next) }
    }

    /// The kind of a string that stands here; none where the schema names its words.
    pub(super) fn kind_of(&self, text: &str) -> Option<Kind> {
        let word = |node: &Value| {
            let listed = node.get("enum").and_then(Value::as_array);
            listed.is_some_and(|all| all.iter().any(|it| it == text))
                || node.get("const").is_some_and(|it| it == text)
        };
        if self.nodes.iter().any(|(node, _)| word(node)) {
            return None;
        }
        Some(self.nodes.iter().find_map(|(_, kind)| *kind).unwrap_or(Kind::Text))
    }

    /// Whether only an address can be read back here.
    pub(super) fn is_address(&self) -> bool {
        self.nodes.iter().any(|(node, _)| node.get("x-format").is_some_and(|it| it == "ip"))
    }

    /// The kind of the keys of a map that stands here; none where the schema names them.
    pub(super) fn kind_of_key(&self, key: &str) -> Option<Kind> {
        let named = |node: &Value| node.get("properties").is_some_and(|all| all.get(key).is_some());
        let maps = self.nodes.iter().filter(|(node, _)| node.get("additionalProperties").is_some());
        (!self.nodes.iter().any(|(node, _)| named(node)))
            .then(|| maps.into_iter().find_map(|(_, kind)| *kind))
            .flatten()
    }
}

/// The nodes with what they refer to and are made of. A kind reaches what stands within the same type, and
/// not a type of its own, which says its own kinds.
fn expanded<'s>(root: &'s Value, mut open: Vec<(&'s Value, Option<Kind>)>) -> Vec<(&'s Value, Option<Kind>)> {
    let mut all = Vec::new();
    while let Some((node, from_above)) = open.pop() {
        let kind = node.get(KEY).and_then(Value::as_str).and_then(Kind::named).or(from_above);
        if let Some(name) = node.get("$ref").and_then(Value::as_str) {
            let target = name.strip_prefix('#').and_then(|pointer| root.pointer(pointer));
            open.extend(target.map(|target| (target, None)));
        }
        for word in ["oneOf", "anyOf", "allOf"] {
            let parts = node.get(word).and_then(Value::as_array);
            open.extend(parts.into_iter().flatten().map(|part| (part, kind)));
        }
        all.push((node, kind));
    }
    all
}

/// Every place of a schema where a string may stand that neither names its words nor says its kind.
pub fn without_kind(root: &Value) -> Vec<String> {
    let mut found = Vec::new();
    let mut visited = Vec::new();
    look(root, root, None, "", &mut visited, &mut found);
    found.sort();
    found.dedup();
    found
}

fn look<'s>(
    root: &'s Value,
    node: &'s Value,
    from_above: Option<Kind>,
    path: &str,
    visited: &mut Vec<&'s str>,
    found: &mut Vec<String>,
) {
    let kind = match node.get(KEY) {
        Some(name) => {
            let known = name.as_str().and_then(Kind::named);
            if known.is_none() {
                found.push(format!("{path}: {name} is no kind"));
            }
            known
        }
        None => from_above,
    };
    let is = |word: &str| match node.get("type") {
        Some(Value::Array(all)) => all.iter().any(|it| it == word),
        Some(one) => one == word,
        None => false,
    };
    let named = node.get("enum").is_some() || node.get("const").is_some();
    if is("string") && !named && kind.is_none() {
        found.push(path.to_owned());
    }
    // Where anything may stand, a string may.
    if node == &Value::Bool(true) && kind.is_none() {
        found.push(path.to_owned());
    }
    if let Some(name) = node.get("$ref").and_then(Value::as_str)
        && !visited.contains(&name)
    {
        visited.push(name);
        let pointer = name.strip_prefix('#').unwrap_or_default();
        if let Some(target) = root.pointer(pointer) {
            look(root, target, None, name.rsplit('/').next().unwrap_or(name), visited, found);
        }
    }
    for word in ["oneOf", "anyOf", "allOf", "prefixItems"] {
        for part in node.get(word).and_then(Value::as_array).into_iter().flatten() {
            look(root, part, kind, path, visited, found);
        }
    }
    for (key, part) in node.get("properties").and_then(Value::as_object).into_iter().flatten() {
        look(root, part, kind, &format!("{path}.{key}"), visited, found);
    }
    if let Some(part) = node.get("items") {
        look(root, part, kind, &format!("{path}[]"), visited, found);
    }
    if let Some(part) = node.get("additionalProperties").filter(|it| **it != Value::Bool(false)) {
        if kind.is_none() {
            found.push(format!("{path}: the keys of the map"));
        }
        look(root, part, kind, &format!("{path}.*"), visited, found);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::expectations::Expectations;

    #[test]
    fn each_string_says_its_kind() {
        let help = "give the field #[schemars(extend(\"x-kind\" = \"text\"))], or what it is: see src/redact/kind.rs";
        assert_eq!(without_kind(schema()), Vec::<String>::new(), "{help}");
        let expectations = schemars::schema_for!(Expectations).to_value();
        assert_eq!(without_kind(&expectations), Vec::<String>::new(), "{help}");
    }

    #[test]
    fn a_field_that_says_nothing_is_named() {
        #[derive(schemars::JsonSchema)]
        #[allow(dead_code)]
        struct Fact {
            #[schemars(extend("x-kind" = "path"))]
            path: Option<String>,
            list: Vec<Inner>,
            #[schemars(extend("x-kind" = "colour"))]
            odd: String,
        }
        #[derive(schemars::JsonSchema)]
        #[allow(dead_code)]
        struct Inner {
            names: std::collections::BTreeMap<String, u8>,
            forgotten: Option<Vec<String>>,
        }
        let found = without_kind(&schemars::schema_for!(Fact).to_value());
        let found: Vec<&str> = found.iter().map(String::as_str).collect();
        assert_eq!(
            found,
            [".odd", ".odd: \"colour\" is no kind", "Inner.forgotten[]", "Inner.names: the keys of the map"]
        );
    }
}
