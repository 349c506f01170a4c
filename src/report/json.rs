//! The report as JSON, and back: `--from` reads the evidence and the expectations, and judges again.

use super::{Report, SCHEMA_VERSION};
use crate::evidence::Evidence;
use crate::expectations::Expectations;
use serde::Deserialize;
use std::collections::BTreeMap;

/// What is read of a report.
#[derive(Debug, Deserialize)]
pub struct Saved {
    /// Who wrote it.
    #[serde(default)]
    pub tool: SavedTool,
    /// The look was interrupted.
    #[serde(default)]
    pub interrupted: bool,
    /// Names are stand-ins.
    #[serde(default)]
    pub redacted: bool,
    /// It was itself made of a saved report.
    #[serde(default)]
    pub replayed: Option<SavedReplay>,
    /// All facts; what a later version added is passed over, what an earlier one lacked is blind.
    pub evidence: Evidence,
    /// By what it was judged.
    pub expectations: Expectations,
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

/// Reads a report. The error is one line that says what is wrong with it.
pub fn parse(bytes: &[u8]) -> Result<Saved, String> {
    #[derive(Deserialize)]
    struct Header {
        schema_version: Option<u64>,
        evidence: Option<serde::de::IgnoredAny>,
    }
    #[derive(Deserialize)]
    struct Body {
        #[serde(rename = "evidence")]
        _evidence: BTreeMap<String, serde::de::IgnoredAny>,
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
    let header: Header = serde_json::from_slice(bytes).map_err(|error| unreadable(&error))?;
    match header.schema_version {
        None => return Err("it is no report of builder-doctor: it has no schema_version".to_owned()),
        Some(newer) if newer > SCHEMA_VERSION => {
            return Err(format!(
                "it was written by a newer builder-doctor (schema {newer}; this one reads up to {SCHEMA_VERSION})"
            ));
        }
        Some(_) if header.evidence.is_none() => return Err("it holds no evidence".to_owned()),
        // A list would be taken for its fields in order, here as above.
        Some(_) if serde_json::from_slice::<Body>(bytes).is_err() => {
            return Err("its evidence is no object".to_owned());
        }
        Some(_) => {}
    }
    let saved: Saved = serde_json::from_slice(bytes)
        .map_err(|error| crate::prose::line(&format!("its evidence cannot be read: {error}")))?;
    // They reach commands that a user is told to run; who wrote them is not known.
    saved.expectations.check().map_err(|error| crate::prose::line(&format!("its expectations: {error}")))?;
    Ok(saved)
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
        assert!(parse(&[0xff, 0xfe, 0]).unwrap_err().starts_with("it is not JSON: "));
    }
}
