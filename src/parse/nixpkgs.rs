//! Which nixpkgs: nix-darwin's darwin-version.json, and a flake.lock.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What nix-darwin says of the system that it made.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DarwinVersion {
    /// `26.05.56c666e`: nix-darwin's release, which is that of its nixpkgs. Up to 24.05 it was nixpkgs' own
    /// version, such as `24.05.20240916.99dc878+darwin4.21fe31f`.
    pub label: Option<String>,
    /// The commit of nixpkgs.
    pub revision: Option<String>,
}

/// The nixpkgs that a flake is locked to.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Locked {
    /// The lock file.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// The day of the commit, such as `20260901`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub day: Option<String>,
    /// The commit.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub revision: Option<String>,
}

/// /run/current-system/darwin-version.json.
pub fn parse_darwin_version(text: &str) -> Option<DarwinVersion> {
    let value: Value = serde_json::from_str(text).ok()?;
    let word = |name: &str| word(value.get(name)?);
    Some(DarwinVersion { label: word("darwinLabel"), revision: word("nixpkgsRevision") })
}

/// The root's own input `nixpkgs` in a flake.lock.
pub fn parse_lock(path: &str, text: &str) -> Option<Locked> {
    let value: Value = serde_json::from_str(text).ok()?;
    let nodes = value.get("nodes")?;
    let root = value.get("root").and_then(Value::as_str).unwrap_or("root");
    // One that follows another input is written as a path, a list; that other is not looked for.
    let node = nodes.get(root)?.get("inputs")?.get("nixpkgs")?.as_str()?;
    let locked = nodes.get(node)?.get("locked")?;
    let day = locked.get("lastModified").and_then(Value::as_u64).map(day);
    Some(Locked { path: path.to_owned(), day, revision: locked.get("rev").and_then(word) })
}

fn word(value: &Value) -> Option<String> {
    value.as_str().map(|text| super::text::cut(&crate::prose::line(text), 100))
}

/// The day, in UTC, of a moment in seconds since 1970, as `20260901`.
fn day(seconds: u64) -> String {
    // Years begin in March, so that a leap day is a year's last; an era is 400 of them.
    let days = seconds / 86_400 + 719_468;
    let (era, of_era) = (days / 146_097, days % 146_097);
    let year = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year + year / 4 - year / 100);
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let (month, carry) = if month < 10 { (month + 3, 0) } else { (month - 9, 1) };
    format!("{:04}{month:02}{day:02}", year + era * 400 + carry)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// As a public report of a Mac of 2026 shows it.
    const VERSION: &str = r#"{
  "darwinLabel": "26.05.56c666e",
  "darwinRevision": "56c666e108467d87d13508936aade6d567f2a501",
  "nixpkgsRevision": "a0991c886dc83e6e9de01d5266e4842985b1850e"
}
"#;
    /// The form of `nix flake lock` (version 7), shortened.
    const LOCK: &str = r#"{"nodes":{
 "nixpkgs_2":{"locked":{"lastModified":1788220800,"narHash":"sha256-x","owner":"NixOS","repo":"nixpkgs","rev":"a0991c8","type":"github"}},
 "root":{"inputs":{"nix-darwin":"nix-darwin","nixpkgs":"nixpkgs_2"}}},"root":"root","version":7}"#;

    #[test]
    fn samples() {
        let version = parse_darwin_version(VERSION).unwrap();
        assert_eq!(version.label.as_deref(), Some("26.05.56c666e"));
        assert_eq!(version.revision.unwrap().len(), 40);
        assert_eq!(parse_darwin_version("{}"), Some(DarwinVersion::default()));
        let locked = parse_lock("/etc/nix-darwin/flake.lock", LOCK).unwrap();
        assert_eq!((locked.day.as_deref(), locked.revision.as_deref()), (Some("20260901"), Some("a0991c8")));
        let follows = LOCK.replace("\"nixpkgs\":\"nixpkgs_2\"", "\"nixpkgs\":[\"x\",\"nixpkgs\"]");
        assert_eq!(parse_lock("", &follows), None);
        assert_eq!(parse_lock("", "not JSON"), None);
    }

    #[test]
    fn days() {
        let known = [
            (0, "19700101"),
            (951_782_399, "20000228"),
            (951_782_400, "20000229"),
            (1_709_251_199, "20240229"),
            (1_709_251_200, "20240301"),
            (1_767_225_599, "20251231"),
        ];
        for (seconds, expected) in known {
            assert_eq!(day(seconds), expected);
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..300, seconds: u64) {
            day(seconds);
            for sample in [VERSION, LOCK] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at)).collect();
                parse_darwin_version(&mutated);
                parse_lock("/x", &mutated);
            }
        }
    }
}
