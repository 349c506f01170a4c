//! A report inside the rows of whoever collected it.
//!
//! osquery's result log has `{"hostIdentifier": "…", "columns": {"line": "{…}"}}`, a report as a string;
//! Fleet's query reports have `{"host_name": "…", "columns": {…}}`; own scripts mostly `{"host": "…", "report": {…}}`.

use crate::prose::line;
use crate::report::json::{Saved, parse};
use serde_json::Value;

/// The members that say which machine it is, likeliest first.
const NAMES: [&str; 8] = [
    "host",
    "hostname",
    "host_name",
    "hostIdentifier",
    "host_identifier",
    "computer_name",
    "host_display_name",
    "display_name",
];

/// A report deeper in than this is not looked for.
const DEEPEST: usize = 6;

/// A report, and whose it is where that is said beside it. The error is one line.
pub fn read(bytes: &[u8]) -> Result<(Option<String>, Saved), String> {
    let error = match parse(bytes) {
        Ok(saved) => return Ok((None, saved)),
        Err(error) => error,
    };
    let Ok(value) = serde_json::from_slice::<Value>(bytes) else { return Err(error) };
    if is_report(&value) || value.get("schema_version").is_some() {
        return Err(error);
    }
    let mut found = Vec::new();
    look(&value, None, 0, &mut found);
    match found.as_slice() {
        [] => Err(error),
        [(name, report)] => Ok((name.clone(), parse(report.as_bytes())?)),
        _ => Err("it holds several reports: give them one a line, as by jq -c '.[]'".to_owned()),
    }
}

fn is_report(value: &Value) -> bool {
    value.get("schema_version").is_some() && value.get("evidence").is_some()
}

/// Stops at the second: then it is not known which is meant.
fn look(value: &Value, name: Option<&str>, depth: usize, found: &mut Vec<(Option<String>, String)>) {
    if depth > DEEPEST || found.len() > 1 {
        return;
    }
    let named = |name: Option<&str>| name.map(line).filter(|name| !name.is_empty());
    match value {
        Value::Object(_) if is_report(value) => found.push((named(name), value.to_string())),
        Value::Object(members) => {
            let own = NAMES.iter().find_map(|it| members.get(*it)?.as_str());
            members.values().for_each(|member| look(member, name.or(own), depth + 1, found));
        }
        Value::Array(items) => items.iter().for_each(|item| look(item, name, depth + 1, found)),
        Value::String(text)
            if text.trim_start().starts_with('{')
                && text.contains("schema_version")
                && serde_json::from_str::<Value>(text).is_ok_and(|inner| is_report(&inner)) =>
        {
            found.push((named(name), text.clone()));
        }
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    fn report() -> Value {
        let e = crate::evidence::healthy::evidence();
        let want = crate::expectations::Expectations::default();
        json!({ "schema_version": 1, "evidence": e, "expectations": want })
    }

    fn name_in(value: &Value) -> Result<Option<String>, String> {
        read(value.to_string().as_bytes()).map(|(name, saved)| {
            assert_eq!(saved.evidence, crate::evidence::healthy::evidence());
            name
        })
    }

    #[test]
    fn a_report_is_found_in_the_rows_of_its_collector() {
        assert_eq!(name_in(&report()), Ok(None));
        let own = json!({ "host": "mac-1", "report": report() });
        assert_eq!(name_in(&own), Ok(Some("mac-1".to_owned())));
        let log = json!({ "name": "pack/doctor", "hostIdentifier": "mac-2", "calendarTime": "…", "unixTime": 1,
            "columns": { "path": "/x.json", "line": report().to_string() }, "action": "added" });
        assert_eq!(name_in(&log), Ok(Some("mac-2".to_owned())));
        let snapshot = json!({ "hostIdentifier": "mac-3", "snapshot": [{ "line": report().to_string() }] });
        assert_eq!(name_in(&snapshot), Ok(Some("mac-3".to_owned())));
        let fleet =
            json!({ "host_id": 1, "host_name": "mac-4", "columns": { "value": report().to_string() } });
        assert_eq!(name_in(&fleet), Ok(Some("mac-4".to_owned())));
        assert_eq!(name_in(&json!([{ "line": report().to_string() }])), Ok(None));
    }

    #[test]
    fn what_holds_none_or_several_says_so() {
        let several = json!({ "results": [report(), report()] });
        assert!(name_in(&several).unwrap_err().contains("several reports"));
        assert_eq!(
            name_in(&json!({ "columns": { "line": "{" } })),
            Err("it is no report of builder-doctor: it has no schema_version".to_owned())
        );
        assert!(name_in(&json!({ "schema_version": 99 })).unwrap_err().contains("newer"));
        let mut deep = report();
        (0..20).for_each(|_| deep = json!([deep]));
        assert!(name_in(&deep).is_err());
    }
}
