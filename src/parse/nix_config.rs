//! `nix config show --json`, `nix config show` and `nix show-config`, and what they say where a file is broken.
//!
//! Only the settings named here are kept: the rest of that output can hold access tokens.

pub use super::text::scrub;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The whitelisted settings; none where the output has not the setting.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct NixConfig {
    /// `aarch64-darwin`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub system: Option<String>,
    /// Further systems that this Nix builds for by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub extra_platforms: Option<Vec<String>>,
    /// Features of this machine.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub system_features: Option<Vec<String>>,
    /// As written, for `machines::parse`; empty means no machines.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub builders: Option<String>,
    /// A number or `auto`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub max_jobs: Option<String>,
    /// 0 = all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// URLs, scrubbed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "url"))]
    pub substituters: Option<Vec<String>>,
    /// URLs, scrubbed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "url"))]
    pub trusted_substituters: Option<Vec<String>>,
    /// `name:base64`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub trusted_public_keys: Option<Vec<String>>,
    /// Names.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub experimental_features: Option<Vec<String>>,
    /// A path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub ssl_cert_file: Option<String>,
    /// Whether the builder fetches what it needs by itself.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub builders_use_substitutes: Option<bool>,
    /// Users, `@group`s, `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "user-name"))]
    pub trusted_users: Option<Vec<String>>,
    /// Users, `@group`s, `*`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "user-name"))]
    pub allowed_users: Option<Vec<String>>,
    /// `true`, `false` or `relaxed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub sandbox: Option<String>,
    /// A store's URL, usually `auto`; scrubbed.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "url"))]
    pub store: Option<String>,
    /// JSON text, scrubbed; `[]` where none is set.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub external_builders: Option<String>,
    /// Whether paths from caches need a signature.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub require_sigs: Option<bool>,
    /// Whether to build what cannot be fetched.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub fallback: Option<bool>,
    /// Seconds.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub connect_timeout: Option<u64>,
}

/// What Nix says where its configuration cannot be read, or not wholly.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ConfigError {
    /// The `error:` lines, or the `warning:` lines where there is no error; scrubbed.
    #[schemars(extend("x-kind" = "text"))]
    pub text: String,
    /// Whether Nix went no further.
    #[serde(default)]
    pub fatal: bool,
    /// The file to blame.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub path: Option<String>,
    /// The line in it; Nix quotes the line and never numbers it, so only where a JSON or flake message does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub line: Option<u32>,
    /// The setting to blame, for unknown, ignored and invalid ones.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub setting: Option<String>,
}

use serde_json::Value;

/// Settings that may be kept, without the `extra-` that some can have.
pub const WHITELIST: [&str; 20] = [
    "system",
    "extra-platforms",
    "system-features",
    "builders",
    "max-jobs",
    "cores",
    "substituters",
    "trusted-substituters",
    "trusted-public-keys",
    "experimental-features",
    "ssl-cert-file",
    "builders-use-substitutes",
    "trusted-users",
    "allowed-users",
    "sandbox",
    "store",
    "external-builders",
    "require-sigs",
    "fallback",
    "connect-timeout",
];

/// `nix config show --json`.
pub fn parse_json(text: &str) -> Result<NixConfig, String> {
    // Nix prints warnings before it, where the caller has joined stdout and stderr.
    let from = text.find('{').ok_or("no JSON object")?;
    let json = text.get(from..).unwrap_or("");
    let value = serde_json::Deserializer::from_str(json).into_iter::<Value>().next();
    // The error says where, and not what: the text itself can hold tokens.
    let value = value
        .ok_or("no JSON object")?
        .map_err(|e| format!("not JSON at line {}, column {}", e.line(), e.column()))?;
    let all = value.as_object().ok_or("not a JSON object")?;
    let mut config = NixConfig::default();
    let mut known = false;
    for name in WHITELIST {
        if let Some(setting) = all.get(name) {
            known = true;
            config.set(name, &shown(name, setting.get("value").unwrap_or(setting)));
        }
    }
    if known { Ok(config) } else { Err("a JSON object without settings of Nix".to_owned()) }
}

/// A JSON value as Nix writes it in a file.
fn shown(name: &str, value: &Value) -> String {
    match value {
        _ if name == "external-builders" => value.as_str().map_or_else(|| value.to_string(), str::to_owned),
        Value::Null => String::new(),
        Value::String(text) => text.clone(),
        Value::Array(items) => {
            let words: Vec<String> = items.iter().map(|v| shown("", v)).collect();
            words.join(" ")
        }
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => value.to_string(),
    }
}

/// `nix config show` and `nix show-config`: lines of `name = value`.
pub fn parse_text(text: &str) -> Result<NixConfig, String> {
    let mut config = NixConfig::default();
    let mut known = false;
    for line in text.lines() {
        let Some((name, value)) = line.split_once('=') else {
            continue;
        };
        if WHITELIST.contains(&name.trim_end()) && name.ends_with(' ') {
            known = true;
            config.set(name.trim_end(), value.trim());
        }
    }
    if known { Ok(config) } else { Err("no `name = value` of a setting of Nix".to_owned()) }
}

impl NixConfig {
    /// The systems that `external-builders` takes: programs on this Mac that build in a machine's stead.
    pub fn external_systems(&self) -> Vec<String> {
        let text = self.external_builders.as_deref().unwrap_or_default();
        let all: Vec<serde_json::Value> = serde_json::from_str(text).unwrap_or_default();
        let systems = all.iter().filter_map(|one| one.get("systems")?.as_array()).flatten();
        systems.filter_map(|it| it.as_str().map(|name| super::text::cut(name, 100))).take(64).collect()
    }

    fn set(&mut self, name: &str, value: &str) {
        // Before its words go apart: of two, one may say that the other is a secret.
        let list = || Some(scrub(value).split_whitespace().map(str::to_owned).collect());
        let number = || value.parse().ok();
        let text = || (!value.is_empty()).then(|| scrub(value));
        match name {
            "system" => self.system = text(),
            "extra-platforms" => self.extra_platforms = list(),
            "system-features" => self.system_features = list(),
            // Empty is an answer here: no machines.
            "builders" => self.builders = Some(scrub(value)),
            "max-jobs" => self.max_jobs = text(),
            "cores" => self.cores = number(),
            "substituters" => self.substituters = list(),
            "trusted-substituters" => self.trusted_substituters = list(),
            "trusted-public-keys" => self.trusted_public_keys = list(),
            "experimental-features" => self.experimental_features = list(),
            "ssl-cert-file" => self.ssl_cert_file = text(),
            "builders-use-substitutes" => self.builders_use_substitutes = boolean(value),
            "trusted-users" => self.trusted_users = list(),
            "allowed-users" => self.allowed_users = list(),
            "sandbox" => self.sandbox = text(),
            "store" => self.store = text(),
            "external-builders" => self.external_builders = text(),
            "require-sigs" => self.require_sigs = boolean(value),
            "fallback" => self.fallback = boolean(value),
            "connect-timeout" => self.connect_timeout = number(),
            _ => {}
        }
    }
}

/// The words that Nix takes for a boolean.
fn boolean(value: &str) -> Option<bool> {
    match value {
        "true" | "yes" | "1" => Some(true),
        "false" | "no" | "0" => Some(false),
        _ => None,
    }
}

/// What Nix complains of on stderr; None where it does not.
///
/// Up to 2.23 the words were `illegal configuration line`; from 2.34 on, paths stand in double quotes.
pub fn parse_error(stderr: &str) -> Option<ConfigError> {
    let stderr = super::text::clean(stderr);
    let lines = |prefix: &'static str| -> Vec<&str> {
        stderr
            .lines()
            .map(str::trim)
            .filter(|l| l.starts_with(prefix) && l.len() > prefix.len())
            .take(20)
            .collect()
    };
    let errors = lines("error: ");
    let fatal = !errors.is_empty();
    let told = if fatal { errors } else { lines("warning: ") };
    let last = *told.last()?;
    let path = told.iter().rev().find_map(|l| blamed_path(l));
    let text: Vec<String> = told.iter().map(|l| super::text::cut(&scrub(l), 1000)).collect();
    Some(ConfigError {
        text: text.join("\n"),
        fatal,
        path: path.map(str::to_owned),
        line: blamed_line(last),
        setting: blamed_setting(last).map(str::to_owned),
    })
}

/// The last quoted absolute path; for a missing include the missing file, which stands first.
fn blamed_path(line: &str) -> Option<&str> {
    let mut paths = quoted(line).into_iter().filter(|q| q.starts_with('/') || *q == "NIX_CONFIG");
    if line.contains(" included from ") { paths.next() } else { paths.next_back() }
}

/// What stands in quotes of either kind.
fn quoted(line: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let mut rest = line;
    while let Some(open) = rest.find(['\'', '"']) {
        let mark = if rest.get(open..).is_some_and(|r| r.starts_with('"')) { '"' } else { '\'' };
        let Some((word, next)) = rest.get(open + 1..).and_then(|r| r.split_once(mark)) else {
            break;
        };
        found.push(word);
        rest = next;
    }
    found
}

fn blamed_line(line: &str) -> Option<u32> {
    let (_, after) = line.split_once(" line ").filter(|_| !line.contains("configuration line "))?;
    let digits: String = after.chars().take_while(char::is_ascii_digit).take(9).collect();
    digits.parse().ok()
}

fn blamed_setting(line: &str) -> Option<&str> {
    let (_, after) = line.split_once("etting '")?;
    let (name, _) = after.split_once('\'')?;
    let plain = name.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');
    plain.then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The shape of src/libutil/abstract-setting-to-json.hh; values as in nix-darwin-outputs.md.
    const JSON: &str = r#"{"access-tokens":{"value":{"github.com":"ghp_secret"}},
"builders":{"aliases":[],"defaultValue":"@/etc/nix/machines","description":"x","documentDefault":true,"experimentalFeature":null,"value":"@/etc/nix/machines"},
"builders-use-substitutes":{"value":true},"cores":{"value":0},"max-jobs":{"value":8},"system":{"value":"aarch64-darwin"},
"substituters":{"value":["https://cache.nixos.org/","https://me:pw@example.org"]},"sandbox":{"value":"relaxed"},
"ssl-cert-file":{"value":null},"connect-timeout":{"value":15},"require-sigs":{"value":1},
"external-builders":{"value":[{"systems":["aarch64-linux"],"program":"/usr/local/bin/determinate-nixd","args":["builder"]}]}}"#;
    /// Catalogue 11.10, with lines of nix-darwin-outputs.md.
    const TEXT: &str = "access-tokens = github.com=ghp_secret
builders = @/etc/nix/machines
cores = 0
experimental-features = flakes nix-command
external-builders = []
extra-platforms = x86_64-darwin
max-jobs = 8
sandbox = false
system = aarch64-darwin
trusted-public-keys = cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=
trusted-substituters =
";

    #[test]
    fn json() {
        let c = parse_json(&format!("warning: x\n{JSON}")).unwrap();
        assert_eq!(c.builders.as_deref(), Some("@/etc/nix/machines"));
        assert_eq!(c.external_systems(), ["aarch64-linux"]);
        assert_eq!(c.substituters.unwrap(), ["https://cache.nixos.org/", "https://<redacted>@example.org"]);
        assert_eq!(
            (c.cores, c.max_jobs.as_deref(), c.sandbox.as_deref()),
            (Some(0), Some("8"), Some("relaxed"))
        );
        assert_eq!((c.ssl_cert_file, c.fallback, c.require_sigs), (None, None, None.or(Some(true))));
        assert!(c.external_builders.unwrap().contains("determinate-nixd"));
    }

    #[test]
    fn text() {
        let c = parse_text(TEXT).unwrap();
        assert_eq!(c.external_systems(), [""; 0]);
        assert_eq!(c.experimental_features.unwrap(), ["flakes", "nix-command"]);
        assert_eq!(c.trusted_public_keys.unwrap().len(), 1);
        assert_eq!(c.trusted_substituters, Some(vec![]));
        assert_eq!(c.external_builders.as_deref(), Some("[]"));
        assert_eq!(parse_text("builders =\n").unwrap().builders.as_deref(), Some(""));
    }

    #[test]
    fn no_config() {
        assert!(parse_json("").is_err());
        assert!(parse_json("{}").is_err());
        assert_eq!(parse_json("{\"access-tokens\": ghp_x"), Err("not JSON at line 1, column 19".to_owned()));
        assert!(parse_text("error: experimental Nix feature 'nix-command' is disabled").is_err());
    }

    // The texts are of src/libutil/configuration.cc in 2.18.1, 2.24.9 and 2.34.8, and of config-impl.hh and daemon.cc.
    #[test]
    fn errors() {
        let e = parse_error(
            "error: syntax error in configuration line 'access-tokens x' in '/etc/nix/nix.conf'\n",
        )
        .unwrap();
        assert_eq!(e.path.as_deref(), Some("/etc/nix/nix.conf"));
        assert!(e.fatal && !e.text.contains(" x'"), "{}", e.text);
        let e = parse_error("error: syntax error in configuration line 'builders' in \"/etc/nix/nix.conf\"")
            .unwrap();
        assert_eq!(e.path.as_deref(), Some("/etc/nix/nix.conf"));
        let e = parse_error("error: illegal configuration line 'foo' in '/etc/nix/nix.conf'").unwrap();
        assert_eq!((e.path.as_deref(), e.line), (Some("/etc/nix/nix.conf"), None));
        let e =
            parse_error("error: file '/etc/nix/a.conf' included from '/etc/nix/nix.conf' not found").unwrap();
        assert_eq!(e.path.as_deref(), Some("/etc/nix/a.conf"));
        let e = parse_error("warning: unknown setting 'foo'\n").unwrap();
        assert_eq!((e.fatal, e.setting.as_deref()), (false, Some("foo")));
        let e = parse_error("error: Boolean setting 'fallback' has invalid value 'maybe'").unwrap();
        assert_eq!(e.setting.as_deref(), Some("fallback"));
        assert_eq!(parse_error("building..."), None);
    }

    proptest! {
        #[test]
        fn nothing_panics_and_nothing_leaks(text in "(?s).*", at in 0usize..900) {
            let _ = parse_json(&text);
            let _ = parse_text(&text);
            let _ = parse_error(&format!("error: {text}"));
            for sample in [JSON, TEXT] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at)).collect();
                for parsed in [parse_json(&mutated), parse_text(&mutated)] {
                    let shown = format!("{parsed:?}");
                    prop_assert!(!shown.contains("ghp_secret"));
                }
            }
        }
    }
}
