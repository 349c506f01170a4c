//! The report as JSON, and back: `--from` reads the evidence and the expectations, and judges again.

use super::{Report, SCHEMA_VERSION};
use super::{Timings, purpose::Purpose};
use crate::evidence::Evidence;
use crate::expectations::Expectations;
use serde::de::{Error, MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::value::RawValue;
use std::collections::BTreeMap;
use std::fmt;

/// What is read of a report.
#[derive(Clone, Debug, Default)]
pub struct Saved {
    /// Who wrote it.
    pub tool: SavedTool,
    /// The look was interrupted.
    pub interrupted: bool,
    /// Names are stand-ins.
    pub redacted: bool,
    /// It was itself made of a saved report.
    pub replayed: Option<SavedReplay>,
    /// How long it took to take the evidence.
    pub timings: Timings,
    /// All facts: what a later version added is passed over, what an earlier one lacked was not taken, and what
    /// cannot be read is blind.
    pub evidence: Evidence,
    /// By what it was judged.
    pub expectations: Expectations,
}

impl Saved {
    /// The same with other evidence.
    pub fn with(&self, evidence: Evidence) -> Self {
        Saved { evidence, ..self.clone() }
    }
}

/// Who wrote a report, as it says itself.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SavedTool {
    /// `builder-doctor`.
    pub name: String,
    /// Such as `0.1.0`.
    pub version: String,
}

/// What a report says of the report that it was made of.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SavedReplay {
    /// The version that took the evidence.
    pub version: Option<String>,
    /// What could not be learned from it.
    pub lacks: Vec<SavedLack>,
}

/// What could not be learned from a report.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(default)]
pub struct SavedLack {
    /// As in [`super::replayed::Lack`].
    pub what: String,
}

/// The report with two spaces of indentation and a newline at its end.
pub fn render(report: &Report) -> String {
    written(report)
}

/// Anything, in the same way.
pub(super) fn written(value: &impl serde::Serialize) -> String {
    let mut text = serde_json::to_string_pretty(value).unwrap_or_default();
    text.push('\n');
    text
}

/// Reads a report for what a preflight asks: its own, or a whole one, which holds more.
pub fn parse_for_preflight(bytes: &[u8]) -> Result<Saved, String> {
    read(bytes).map(|(_, saved)| saved)
}

/// Reads a report, also a later version's of the same schema: whatever of it is understood. The error is one line that says
/// what is wrong with it.
///
/// One of a preflight is refused: it holds too little to say how a builder is.
pub fn parse(bytes: &[u8]) -> Result<Saved, String> {
    match read(bytes)? {
        (Purpose::Check, saved) => Ok(saved),
        (Purpose::Preflight, _) => {
            Err("it is the report of a preflight: read it with builder-doctor preflight --from".to_owned())
        }
    }
}

fn read(bytes: &[u8]) -> Result<(Purpose, Saved), String> {
    // Only the frame is looked at here; each part is read by itself, so that one cannot spoil another.
    #[derive(Deserialize)]
    struct Frame<'a> {
        schema_version: Option<u64>,
        #[serde(borrow, default)]
        tool: Option<&'a RawValue>,
        #[serde(borrow, default)]
        interrupted: Option<&'a RawValue>,
        #[serde(borrow, default)]
        redacted: Option<&'a RawValue>,
        #[serde(borrow, default)]
        purpose: Option<&'a RawValue>,
        #[serde(borrow, default)]
        replayed: Option<&'a RawValue>,
        #[serde(borrow, default)]
        timings: Option<&'a RawValue>,
        #[serde(borrow, default)]
        evidence: Option<&'a RawValue>,
        #[serde(borrow, default)]
        expectations: Option<&'a RawValue>,
    }
    if bytes.iter().all(u8::is_ascii_whitespace) {
        return Err("it is empty".to_owned());
    }
    // A list would be taken for an object with its values in order.
    let first = bytes.iter().find(|byte| !byte.is_ascii_whitespace());
    if first == Some(&b'[') {
        serde_json::from_slice::<serde::de::IgnoredAny>(bytes).map_err(|error| unreadable(&error))?;
        return Err("it is no report of builder-doctor".to_owned());
    }
    let frame: Frame = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    match frame.schema_version {
        None => return Err("it is no report of builder-doctor: it has no schema_version".to_owned()),
        Some(newer) if newer > SCHEMA_VERSION => {
            return Err(format!(
                "it was written by a newer builder-doctor (schema {newer}; this one reads up to {SCHEMA_VERSION})"
            ));
        }
        Some(_) => {}
    }
    let evidence = frame.evidence.ok_or("it holds no evidence")?;
    if !evidence.get().starts_with('{') {
        return Err("its evidence is no object".to_owned());
    }
    let facts = self::evidence(evidence.get())?;
    let expectations = frame.expectations.ok_or("it holds no expectations")?;
    let purpose = frame.purpose.and_then(understood).unwrap_or_default();
    let saved = Saved {
        tool: frame.tool.and_then(understood).unwrap_or_default(),
        interrupted: frame.interrupted.and_then(understood).unwrap_or_default(),
        redacted: frame.redacted.and_then(understood).unwrap_or_default(),
        replayed: frame.replayed.and_then(understood),
        timings: frame.timings.and_then(understood).unwrap_or_default(),
        evidence: facts,
        expectations: expected(expectations)
            .map_err(|error| crate::prose::line(&format!("its expectations: {error}")))?,
    };
    Ok((purpose, saved))
}

/// The facts of a text of evidence, each read by itself.
pub fn evidence(text: &str) -> Result<Evidence, String> {
    let Facts(facts) = serde_json::from_str(text)
        .map_err(|error| crate::prose::line(&format!("its evidence cannot be read: {error}")))?;
    Ok(Evidence::of_saved(&facts))
}

/// The facts by their names, each as it stands.
struct Facts<'a>(BTreeMap<String, &'a RawValue>);

impl<'de: 'a, 'a> Deserialize<'de> for Facts<'a> {
    fn deserialize<D: Deserializer<'de>>(from: D) -> Result<Self, D::Error> {
        struct Each;
        impl<'de> Visitor<'de> for Each {
            type Value = Facts<'de>;
            fn expecting(&self, f: &mut fmt::Formatter) -> fmt::Result {
                f.write_str("facts by their names")
            }
            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Self::Value, A::Error> {
                let mut all = BTreeMap::new();
                while let Some((name, fact)) = map.next_entry::<String, &RawValue>()? {
                    // Which of two was meant, nobody can tell.
                    if all.contains_key(&name) {
                        return Err(A::Error::custom(format!("it holds {name:?} twice")));
                    }
                    all.insert(name, fact);
                }
                Ok(Facts(all))
            }
        }
        from.deserialize_map(Each)
    }
}

/// What is beside the point is no reason to refuse a report.
fn understood<'a, T: Deserialize<'a>>(part: &'a RawValue) -> Option<T> {
    serde_json::from_str(part.get()).ok()
}

/// The expectations; of a later version's, those that are known.
fn expected(part: &RawValue) -> Result<Expectations, String> {
    if !part.get().starts_with('{') {
        return Err("they are no object".to_owned());
    }
    let read = serde_json::from_str(part.get()).or_else(|error| {
        let mut all: serde_json::Value = serde_json::from_str(part.get()).map_err(|_| error)?;
        keep_known(&mut all, &super::schema::schema()["$defs"]["Expectations"]);
        serde_json::from_str(&all.to_string())
    });
    let found: Expectations = read.map_err(|error| error.to_string())?;
    // They reach commands that a user is told to run; who wrote them is not known.
    found.check()?;
    Ok(found)
}

/// Drops every key that the schema does not name.
fn keep_known(value: &mut serde_json::Value, schema: &serde_json::Value) {
    let referred = schema["$ref"].as_str().and_then(|path| path.strip_prefix("#/$defs/"));
    let schema = referred.map_or(schema, |name| &super::schema::schema()["$defs"][name]);
    match value {
        serde_json::Value::Object(all) => {
            let known = &schema["properties"];
            all.retain(|key, _| known.get(key).is_some());
            all.iter_mut().for_each(|(key, inner)| keep_known(inner, &known[key.as_str()]));
        }
        serde_json::Value::Array(all) => {
            all.iter_mut().for_each(|inner| keep_known(inner, &schema["items"]));
        }
        _ => {}
    }
}

fn unreadable(error: &serde_json::Error) -> String {
    crate::prose::line(&match error.classify() {
        serde_json::error::Category::Eof => format!("it is cut short: {error}"),
        serde_json::error::Category::Data => "it is no report of builder-doctor".to_owned(),
        _ => format!("it is not JSON: {error}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn error(text: &str) -> String {
        parse(text.as_bytes()).unwrap_err()
    }

    #[test]
    fn each_bad_report_has_its_one_line() {
        assert_eq!(error(" \n"), "it is empty");
        assert!(error("hello").starts_with("it is not JSON: "));
        assert!(error("{\"schema_version\": 1, \"evid").starts_with("it is cut short: "));
        assert_eq!(error("[1]"), "it is no report of builder-doctor");
        assert_eq!(error("{}"), "it is no report of builder-doctor: it has no schema_version");
        assert!(error("{\"schema_version\": 99}").contains("newer builder-doctor (schema 99"));
        assert_eq!(error("{\"schema_version\": 1}"), "it holds no evidence");
        assert_eq!(error("{\"schema_version\": 1, \"evidence\": 3}"), "its evidence is no object");
        assert_eq!(error("{\"schema_version\": 1, \"evidence\": [1]}"), "its evidence is no object");
        assert_eq!(error("{\"schema_version\": 1, \"evidence\": {}}"), "it holds no expectations");
        let error_of = |wants: &str| {
            error(&format!("{{\"schema_version\":1,\"evidence\":{{}},\"expectations\":{wants}}}"))
        };
        assert_eq!(error_of("[[]]"), "its expectations: they are no object");
        assert!(error_of("{\"nix\": 3}").starts_with("its expectations: invalid type"));
        assert!(parse(&[0xff, 0xfe, 0]).unwrap_err().starts_with("it is not JSON: "));
    }

    /// The healthy Mac's report, with its values changed.
    fn changed(change: impl Fn(&mut serde_json::Value)) -> Saved {
        let mut report = serde_json::json!({
            "schema_version": SCHEMA_VERSION,
            "tool": {"name": "builder-doctor", "version": "99.0.0", "channel": "beta"},
            "evidence": crate::evidence::healthy::evidence(),
            "expectations": Expectations::default(),
        });
        change(&mut report);
        parse(report.to_string().as_bytes()).unwrap()
    }

    #[test]
    fn of_a_newer_report_all_is_read_that_is_understood() {
        let whole = changed(|_| ());
        assert_eq!(whole.evidence, crate::evidence::healthy::evidence());
        assert_eq!(whole.tool.version, "99.0.0");
        let newer = changed(|report| {
            report["evidence"]["a_later_fact"] = serde_json::json!({"heard": [1, 2]});
            report["evidence"]["platform"]["seen"]["as_whom"] = "launchd".into();
            report["evidence"]["user"]["seen"]["fact"]["a_later_field"] = 1.into();
            report["evidence"]["ports"] = serde_json::json!({"heard": "a later way of knowing"});
            report["expectations"]["cache"][0]["mirrors"] = serde_json::json!(["https://example.org"]);
            report["expectations"]["vm"] = serde_json::json!({"memory": "8G"});
            report["tool"]["version"] = 3.into();
        });
        assert_eq!(newer.tool.version, "");
        assert_eq!(newer.expectations, Expectations::default());
        let lost = |name: &str, because: &str| {
            let missing = match name {
                "platform" => newer.evidence.platform().unwrap_err(),
                _ => newer.evidence.ports().unwrap_err(),
            };
            assert!(missing.because.contains(because), "{missing}");
            assert!(!missing.by_choice && !missing.because.contains("line 1"), "{missing}");
        };
        lost("platform", "this version cannot read it in the report: unknown variant `launchd`");
        lost("ports", "this version cannot read it in the report: unknown variant `heard`");
        let mut rest = whole.evidence;
        rest.platform = newer.evidence.platform.clone();
        rest.ports = newer.evidence.ports.clone();
        assert_eq!(newer.evidence, rest);
    }
}
