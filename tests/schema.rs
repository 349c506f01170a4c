//! The JSON Schema of the report: every report that was ever saved fits it, and it does not change unseen.
//!
//! Where this fails: `UPDATE_SCHEMA=1 cargo test --test schema`, and read the difference. tests/schema/v1.json is not
//! updated: it is what was promised.
#![allow(clippy::disallowed_methods)] // reads the saved machines and, if told to, writes docs

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::report::json::{parse, render};
use builder_doctor::report::{Report, Timings, schema};
use jsonschema::Validator;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::fmt::Write;
use std::path::Path;
use std::process::{Command, Stdio};

const ROOT: &str = env!("CARGO_MANIFEST_DIR");

fn validator() -> Validator {
    let schema = schema::derived();
    assert!(jsonschema::meta::is_valid(&schema), "the schema itself");
    jsonschema::validator_for(&schema).unwrap()
}

fn faults(validator: &Validator, report: &Value) -> Vec<String> {
    validator.iter_errors(report).map(|error| format!("{}: {error}", error.instance_path())).collect()
}

fn states() -> Vec<(String, String)> {
    let entries = std::fs::read_dir(Path::new(ROOT).join("tests/states")).unwrap();
    let mut all: Vec<_> = entries
        .map(|entry| {
            let path = entry.unwrap().path();
            (path.display().to_string(), std::fs::read_to_string(path).unwrap())
        })
        .collect();
    all.sort();
    assert!(all.len() > 50, "the saved machines are gone");
    all
}

/// A saved report as today's program writes it.
fn again(text: &str) -> Value {
    let saved = parse(text.as_bytes()).unwrap();
    let diagnosis = diagnose(&checks::all(), &saved.evidence, &saved.expectations, &Selection::default());
    let report = Report::new(&diagnosis, &saved.evidence, &saved.expectations, Timings::default());
    serde_json::from_str(&render(&report)).unwrap()
}

#[test]
fn every_saved_report_fits_as_it_was_written_and_as_it_is_written_today() {
    let validator = validator();
    for (name, text) in states() {
        let found = faults(&validator, &serde_json::from_str(&text).unwrap());
        assert_eq!(found, Vec::<String>::new(), "{name}, as it was written");
        assert_eq!(faults(&validator, &again(&text)), Vec::<String>::new(), "{name}, as it is written today");
    }
}

#[test]
fn an_interrupted_report_and_one_without_nix_fit() {
    let (evidence, want) = Default::default();
    let diagnosis = diagnose(&checks::all(), &evidence, &want, &Selection::default());
    let mut report = Report::new(&diagnosis, &evidence, &want, Timings::default());
    report.interrupted = true;
    report.exit_code = 130;
    let written = serde_json::from_str(&render(&report)).unwrap();
    assert_eq!(faults(&validator(), &written), Vec::<String>::new());
}

#[test]
fn what_is_no_report_does_not_fit() {
    let validator = validator();
    let sound =
        again(&std::fs::read_to_string(Path::new(ROOT).join("tests/states/two-causes.json")).unwrap());
    assert!(validator.is_valid(&sound));
    let wrong: [(&str, Value); 12] = [
        ("/verdict", json!("excellent")),
        ("/schema_version", json!(2)),
        ("/schema_version", json!("1")),
        ("/exit_code", json!(7)),
        ("/evidence", json!([])),
        ("/evidence/platform", json!({"heard": {}})),
        ("/evidence/taken", json!({"seen": {"fact": {"at": "today"}, "from": "", "as_whom": "user"}})),
        ("/findings/0/severity", json!("fatal")),
        ("/findings/0/role", json!("victim")),
        ("/findings/0/remedy/safety", json!("probably")),
        ("/findings/0/id", json!("Not An Id")),
        ("/checks/0/status", json!("ok")),
    ];
    for (path, value) in wrong {
        let mut report = sound.clone();
        *report.pointer_mut(path).unwrap_or_else(|| panic!("{path}")) = value;
        assert!(!validator.is_valid(&report), "{path}");
    }
    for key in ["evidence", "findings", "verdict", "expectations"] {
        let mut report = sound.clone();
        report.as_object_mut().unwrap().remove(key);
        assert!(!validator.is_valid(&report), "without {key}");
    }
}

#[test]
fn a_later_versions_additions_fit() {
    let validator = validator();
    let mut report =
        again(&std::fs::read_to_string(Path::new(ROOT).join("tests/states/two-causes.json")).unwrap());
    report["a_later_key"] = json!(1);
    report["evidence"]["a_later_fact"] = json!({"seen": 1});
    report["findings"][0]["id"] = json!("a-later-check");
    report["expectations"]["vm"] = json!({"memory": "8G"});
    assert_eq!(faults(&validator, &report), Vec::<String>::new());
}

/// What a schema says of a value, in words.
fn kind(schema: &Value) -> String {
    if let Some(name) = schema["$ref"].as_str() {
        return name.rsplit('/').next().unwrap().to_owned();
    }
    if let Some(only) = schema.get("const") {
        return only.to_string();
    }
    let any = schema["anyOf"].as_array().or(schema["oneOf"].as_array());
    if let Some(any) = any {
        return any.iter().map(kind).collect::<Vec<_>>().join(" or ");
    }
    let words = match &schema["type"] {
        Value::Array(all) => all.iter().filter_map(Value::as_str).collect::<Vec<_>>().join(" or "),
        Value::String(one) => one.clone(),
        _ => "anything".to_owned(),
    };
    match (schema.get("prefixItems"), schema.get("items"), schema.get("additionalProperties")) {
        (Some(Value::Array(items)), ..) => {
            format!("{words} of {}", items.iter().map(kind).collect::<Vec<_>>().join(", "))
        }
        (_, Some(items), _) if items.is_object() => format!("{words} of {}", kind(items)),
        (.., Some(values)) if values.is_object() => format!("{words} of {}", kind(values)),
        _ => words,
    }
}

/// Every property and every value of an enumeration, by its path, with its kind.
fn flat(schema: &Value) -> BTreeMap<String, String> {
    fn walk(path: &str, schema: &Value, out: &mut BTreeMap<String, String>) {
        let required = schema["required"].as_array();
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let always = required.is_some_and(|all| all.iter().any(|it| it == name));
            let here = format!("{path}.{name}");
            out.insert(here.clone(), format!("{}{}", kind(inner), if always { ", always" } else { "" }));
            walk(&here, inner, out);
        }
        for choice in [&schema["oneOf"], &schema["anyOf"]].into_iter().filter_map(Value::as_array).flatten() {
            walk(path, choice, out);
        }
        let values = schema["enum"].as_array().into_iter().flatten().chain(schema.get("const"));
        for value in values {
            out.insert(format!("{path} = {value}"), "value".to_owned());
        }
        if schema["items"].is_object() {
            walk(&format!("{path}[]"), &schema["items"], out);
        }
    }
    let mut out = BTreeMap::new();
    walk("Report", schema, &mut out);
    for (name, inner) in schema["$defs"].as_object().unwrap() {
        // The ids of checks are an open list.
        if name != "CheckId" {
            walk(name, inner, &mut out);
        }
    }
    out
}

#[test]
fn nothing_that_was_promised_goes_or_changes() {
    let path = Path::new(ROOT).join("tests/schema/v1.json");
    let now = flat(&schema::derived());
    if std::env::var_os("FREEZE_SCHEMA").is_some() {
        std::fs::write(&path, serde_json::to_string_pretty(&now).unwrap() + "\n").unwrap();
    }
    let then: BTreeMap<String, String> =
        serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(then.len() > 500, "the promise is gone");
    for (path, kind) in &then {
        assert_eq!(now.get(path), Some(kind), "{path} was promised for schema_version 1");
    }
    for (path, kind) in now.iter().filter(|(path, _)| !then.contains_key(*path)) {
        let Some((owner, _)) = path.rsplit_once('.') else { continue };
        let older =
            then.keys().any(|known| known.strip_prefix(owner).is_some_and(|rest| rest.starts_with('.')));
        // A report that was written before it was there has to fit.
        assert!(
            !older || !kind.ends_with(", always"),
            "{path} is new, so older reports lack it: #[serde(default)]"
        );
    }
}

/// A file of the repository is this; or is made so, if that is wanted.
fn is_up_to_date(file: &str, new: &str) {
    let path = Path::new(ROOT).join(file);
    let old = std::fs::read_to_string(&path).unwrap_or_default();
    if std::env::var_os("UPDATE_SCHEMA").is_some() {
        std::fs::write(&path, new).unwrap();
    }
    assert!(old == new, "{file} is out of date: UPDATE_SCHEMA=1 cargo test --test schema");
}

#[test]
fn the_schema_in_docs_is_the_programs() {
    let said = Command::new(env!("CARGO_BIN_EXE_builder-doctor")).arg("schema").output().unwrap();
    assert!(said.status.success() && said.stderr.is_empty());
    assert_eq!(String::from_utf8(said.stdout).unwrap(), schema::text());
    let kept = std::fs::read_to_string("docs/report.schema.json").unwrap();
    assert_eq!(schema::text(), kept, "what the program holds is that file");
    is_up_to_date("docs/report.schema.json", &schema::render());
}

/// One table for each object, and a list for each enumeration.
fn tables() -> String {
    let schema = schema::derived();
    let mut out = String::new();
    let words = |schema: &Value| {
        schema["description"].as_str().unwrap_or_default().replace("\n\n", " ").replace('|', "\\|")
    };
    let known: Vec<&String> = schema["$defs"].as_object().unwrap().keys().collect();
    // Names of types lead to their tables.
    let linked = |kind: &str| {
        let link = |word: &str| match word.strip_prefix("Probe_of_") {
            Some(of) => format!("[fact](#facts): {}", link_of(&known, &of.replace("Array_of_", "array of "))),
            None => link_of(&known, word),
        };
        kind.split(' ').map(link).collect::<Vec<_>>().join(" ")
    };
    let mut table = |name: &str, schema: &Value| {
        let rows = flat_rows(schema);
        let _ = write!(out, "\n### {name}\n\n{}\n", words(schema));
        if !rows.is_empty() {
            out.push_str("\n| property | kind | always | meaning |\n|---|---|---|---|\n");
        }
        for (path, inner, always) in rows {
            let kind = if inner.get("enum").is_some() { enumeration(inner) } else { linked(&kind(inner)) };
            let _ = writeln!(
                out,
                "| `{path}` | {kind} | {} | {} |",
                if always { "yes" } else { "" },
                words(inner)
            );
        }
        let choices = [&schema["oneOf"], &schema["anyOf"]].into_iter().filter_map(Value::as_array).flatten();
        let values: Vec<(String, String)> = choices
            .chain([schema])
            .flat_map(|choice| {
                let all = choice["enum"].as_array().into_iter().flatten().chain(choice.get("const"));
                all.map(|value| (value.to_string().replace('"', ""), choice)).collect::<Vec<_>>()
            })
            .map(|(value, choice)| {
                (value, choice["title"].as_str().map_or_else(|| words(choice), str::to_owned))
            })
            .collect();
        if !values.is_empty() {
            out.push_str("\n| value | meaning |\n|---|---|\n");
        }
        for (value, meaning) in values {
            let meaning = if meaning == words(schema) { String::new() } else { meaning };
            let _ = writeln!(out, "| `{value}` | {meaning} |");
        }
    };
    table("The report", &schema);
    for (name, inner) in schema["$defs"].as_object().unwrap() {
        if !name.starts_with("Probe_of_") {
            table(name, inner);
        }
    }
    out
}

fn link_of(known: &[&String], words: &str) -> String {
    let link = |word: &str| {
        let name = word.trim_end_matches(',');
        let is = known.iter().any(|it| *it == name);
        if is {
            format!("[{name}](#{}){}", name.to_lowercase(), &word[name.len()..])
        } else {
            word.to_owned()
        }
    };
    words.split(' ').map(link).collect::<Vec<_>>().join(" ")
}

fn enumeration(schema: &Value) -> String {
    let all = schema["enum"].as_array().unwrap();
    all.iter().map(|value| format!("`{}`", value.to_string().replace('"', ""))).collect::<Vec<_>>().join(", ")
}

/// The properties of an object, and those of its variants.
fn flat_rows(schema: &Value) -> Vec<(String, &Value, bool)> {
    fn walk<'a>(path: &str, schema: &'a Value, out: &mut Vec<(String, &'a Value, bool)>) {
        let required = schema["required"].as_array();
        for (name, inner) in schema["properties"].as_object().into_iter().flatten() {
            let always = required.is_some_and(|all| all.iter().any(|it| it == name));
            out.push((format!("{path}{name}"), inner, always));
            walk(&format!("{path}{name}."), inner, out);
        }
        for choice in [&schema["oneOf"], &schema["anyOf"]].into_iter().filter_map(Value::as_array).flatten() {
            let from = out.len();
            walk(path, choice, out);
            // It is there in this variant alone.
            out[from..]
                .iter_mut()
                .filter(|it| it.0.matches('.').count() == path.matches('.').count())
                .for_each(|it| it.2 = false);
        }
    }
    let mut out = Vec::new();
    walk("", schema, &mut out);
    out
}

#[test]
fn the_fields_in_docs_are_the_schemas() {
    let old = std::fs::read_to_string(Path::new(ROOT).join("docs/report.md")).unwrap();
    let mark = "<!-- fields -->\n";
    let start = old.find(mark).expect("docs/report.md lacks its mark") + mark.len();
    is_up_to_date("docs/report.md", &format!("{}{}", &old[..start], tables()));
}

/// The one-liners in docs/report.md, run on a real report; where there is no jq, that is said.
#[test]
fn the_one_liners_in_docs_work() {
    let text = std::fs::read_to_string(Path::new(ROOT).join("docs/report.md")).unwrap();
    let lines: Vec<&str> = text.lines().filter(|line| line.starts_with("jq ")).collect();
    assert!(lines.len() >= 5, "{lines:?}");
    if Command::new("jq").arg("--version").stdout(Stdio::null()).status().is_err() {
        assert_ne!(std::env::var("CI").as_deref(), Ok("true"), "there is no jq");
        eprintln!("not run: there is no jq");
        return;
    }
    let folder = tempfile::tempdir().unwrap();
    let broken =
        again(&std::fs::read_to_string(Path::new(ROOT).join("tests/states/two-causes.json")).unwrap());
    std::fs::write(folder.path().join("report.json"), broken.to_string()).unwrap();
    for line in lines {
        let ran = Command::new("sh").args(["-c", line]).current_dir(&folder).output().unwrap();
        assert!(
            ran.status.success() && !ran.stdout.is_empty(),
            "{line}: {}",
            String::from_utf8_lossy(&ran.stderr)
        );
    }
}
