//! SARIF 2.1.0 (<https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>), as GitHub's code scanning reads it.
//!
//! Failed checks are results. The others are in the properties of the run: code scanning takes every result for an
//! alert, also one that says that all is well.

use super::{Found, Report, json};
use serde_json::{Map, Value, json};

/// The log, with a newline at its end.
pub fn render(report: &Report) -> String {
    let all = report.purpose.checks();
    let rules: Vec<Value> = all
        .iter()
        .map(|check| {
            json!({
                "id": check.id,
                "shortDescription": { "text": check.title },
                "fullDescription": { "text": check.why },
                "help": {
                    "text": format!("{}\n\nbuilder-doctor explain {}", check.why, check.id),
                    "markdown": format!("{}\n\n```sh\nbuilder-doctor explain {}\n```", check.why, check.id),
                },
                "helpUri": concat!(env!("CARGO_PKG_REPOSITORY"), "#checks"),
                "defaultConfiguration": { "level": level(check.severity.name()) },
                "properties": { "tags": [check.layer.name()] },
            })
        })
        .collect();
    let results: Vec<Value> = report
        .findings
        .iter()
        .map(|found| result(found, all.iter().position(|check| check.id == found.id)))
        .collect();
    let gaps: Vec<Value> = report
        .checks
        .iter()
        .filter(|check| check.status == "unknown" && !check.by_choice && check.because_of.is_empty())
        .map(|check| {
            json!({
                "level": "note",
                "message": { "text": format!("{} could not be told: {}", check.id, check.detail) },
                "associatedRule": { "id": check.id },
            })
        })
        .collect();
    let statuses: Map<String, Value> =
        report.checks.iter().map(|check| (check.id.to_owned(), check.status.into())).collect();
    json::written(&json!({
        "$schema": "https://json.schemastore.org/sarif-2.1.0.json",
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": {
                "name": report.tool.name,
                "version": report.tool.version,
                "semanticVersion": report.tool.version,
                "informationUri": env!("CARGO_PKG_REPOSITORY"),
                "rules": rules,
            } },
            "automationDetails": { "id": "builder-doctor/" },
            "invocations": [{
                "executionSuccessful": !report.interrupted,
                "exitCode": report.exit_code,
                "toolExecutionNotifications": gaps,
            }],
            "columnKind": "unicodeCodePoints",
            "results": results,
            "properties": { "verdict": report.verdict, "checks": statuses },
        }],
    }))
}

fn result(found: &Found, rule: Option<usize>) -> Value {
    let seen: String = found.seen.chars().filter(|c| *c == '\n' || !crate::prose::hidden(*c)).collect();
    let mut text = format!("{}. Expected: {}.", seen.trim_end_matches('.'), found.expected);
    if !found.because_of.is_empty() {
        text.push_str(&format!(" It follows from {}.", crate::prose::and(&found.because_of)));
    }
    if let [first, ..] = found.remedy.commands.as_slice() {
        text.push_str(&format!(" To mend it: {first}"));
    }
    let mut result = json!({
        "ruleId": found.id,
        "level": level(found.severity),
        "message": { "text": text },
        "locations": [location(found)],
        // The same fault in the same file is the same alert, whatever its words.
        // GitHub heeds this name alone.
        "partialFingerprints": { "primaryLocationLineHash": fingerprint(found) },
        "properties": { "role": found.role, "becauseOf": found.because_of, "layer": found.layer },
    });
    if let (Some(rule), Some(fields)) = (rule, result.as_object_mut()) {
        fields.insert("ruleIndex".to_owned(), rule.into());
    }
    result
}

fn fingerprint(found: &Found) -> String {
    match found.place {
        Some(place) => format!("{}:{}", found.id, place.path),
        None => found.id.to_owned(),
    }
}

/// Code scanning wants a file for each result: a fault that is in none stands in one named for its check.
fn location(found: &Found) -> Value {
    let logical = json!([{ "name": found.layer, "kind": "module", "fullyQualifiedName": format!("{}/{}", found.layer, found.id) }]);
    let physical = match found.place {
        Some(place) => json!({
            "artifactLocation": { "uri": uri(&place.path) },
            "region": {
                "startLine": place.line.max(1),
                "startColumn": place.column.max(1),
                "snippet": { "text": place.text },
            },
        }),
        None => {
            json!({ "artifactLocation": { "uri": format!("builder-doctor/{}/{}", found.layer, found.id) } })
        }
    };
    json!({ "physicalLocation": physical, "logicalLocations": logical })
}

/// A path as a URI reference (RFC 3986): what may not stand in one is written as its bytes.
fn uri(path: &str) -> String {
    let plain = |byte: &u8| byte.is_ascii_alphanumeric() || b"-._~/".contains(byte);
    let path: String = path
        .bytes()
        .map(|byte| if plain(&byte) { char::from(byte).to_string() } else { format!("%{byte:02X}") })
        .collect();
    if path.starts_with('/') { format!("file://{path}") } else { path }
}

fn level(severity: &str) -> &'static str {
    match severity {
        "error" => "error",
        "warning" => "warning",
        _ => "note",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_path_becomes_a_uri() {
        assert_eq!(uri("/etc/nix/machines"), "file:///etc/nix/machines");
        assert_eq!(uri("/Users/<user-1>/a b"), "file:///Users/%3Cuser-1%3E/a%20b");
        assert_eq!(uri("NIX_CONFIG"), "NIX_CONFIG");
    }
}
