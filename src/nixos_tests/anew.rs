//! The same test once more: an expression of a derivation that differs from the one shown by one variable.
//!
//! Whoever has a result does not run the test again: this machine's store, the builder's, or a cache. Deleting it
//! takes root's key to the builder, fails where a root holds it, and does not help where a cache has it; and `--rebuild`
//! builds on this machine only. A derivation that nobody has ever seen runs wherever the test runs, and nothing is deleted.

use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::fmt::Write;

/// The variable by which it differs.
pub const VARIABLE: &str = "BUILDER_DOCTOR_RUN";

/// An argument that is longer can be refused by the system.
const LONGEST: usize = 100_000;

/// A Nix expression of the one derivation that `nix derivation show` showed, with [`VARIABLE`] set to `nonce`. The error
/// is a fragment that reads after "because".
pub fn expression(shown: &str, nonce: &str) -> Result<String, String> {
    let whole: Value = serde_json::from_str(shown)
        .map_err(|error| format!("what Nix shows is not JSON at line {}", error.line()))?;
    let all = match whole.get("derivations") {
        Some(all) => all,
        None => &whole,
    };
    let shown = all.as_object().ok_or("what Nix shows is no derivation")?;
    let mut shown = shown.values().filter_map(Value::as_object);
    let (Some(it), None) = (shown.next(), shown.next()) else {
        return Err("it is not one derivation".to_owned());
    };
    let outputs = it.get("outputs").and_then(Value::as_object).ok_or("it names no outputs")?;
    if outputs.values().any(|output| output.get("hash").is_some()) {
        return Err("its result is fixed by a hash, so that it is the same whatever it is made of".to_owned());
    }
    let attributes = attributes(it, outputs)?;
    let context = context(it)?;
    let mut text = String::from("derivation ({\n");
    for (name, value) in &attributes {
        let _ = writeln!(text, "  {} = {};", string(name), nix(value));
    }
    let _ =
        write!(text, "}} // {{ {VARIABLE} = builtins.appendContext {} {{\n{context}}}; }})", string(nonce));
    match text.len() {
        0..=LONGEST => Ok(text),
        long => Err(format!("its derivation is too long to be typed: {long} bytes")),
    }
}

/// All that `derivation` was once called with.
fn attributes(
    it: &Map<String, Value>,
    outputs: &Map<String, Value>,
) -> Result<BTreeMap<String, Value>, String> {
    let env = it.get("env").and_then(Value::as_object).ok_or("it shows no environment")?;
    // Nix up to 2.32 shows structured attributes as text.
    let text = env.get("__json").and_then(Value::as_str);
    let structured = match (it.get("structuredAttrs"), text) {
        (Some(Value::Object(all)), _) => Some(all.clone()),
        (_, Some(text)) => Some(
            serde_json::from_str(text).map_err(|_| "its structured attributes are not JSON".to_owned())?,
        ),
        _ => None,
    };
    let mut all: BTreeMap<String, Value> = BTreeMap::new();
    let mut names: Vec<String> = outputs.keys().cloned().collect();
    match structured {
        Some(attributes) => {
            if let Some(Value::Array(ordered)) = attributes.get("outputs") {
                names = ordered.iter().filter_map(Value::as_str).map(str::to_owned).collect();
            }
            all.extend(attributes);
            all.insert("__structuredAttrs".to_owned(), true.into());
        }
        None => {
            if let Some(Value::String(ordered)) = env.get("outputs") {
                names = ordered.split_ascii_whitespace().map(str::to_owned).collect();
            }
            let given = env.iter().filter(|(name, _)| !outputs.contains_key(name.as_str()));
            all.extend(given.map(|(name, value)| (name.clone(), value.clone())));
        }
    }
    for name in ["name", "system", "builder", "args"] {
        let shown = match (it.get(name), name) {
            (Some(value), _) => Some(value.clone()),
            // Nix up to 2.28 shows the name in the environment only.
            (None, "name") => env.get("name").cloned(),
            (None, _) => None,
        };
        if let Some(value) = shown {
            all.insert(name.to_owned(), value);
        }
    }
    if !all.get("name").is_some_and(Value::is_string) {
        return Err("it shows no name".to_owned());
    }
    if names != ["out"] {
        all.insert("outputs".to_owned(), names.into());
    }
    Ok(all)
}

/// What it is made of: one line each.
fn context(it: &Map<String, Value>) -> Result<String, String> {
    let inputs = it.get("inputs").and_then(Value::as_object);
    let named = |old: &str, new: &str| {
        it.get(old).or_else(|| inputs.and_then(|inputs| inputs.get(new))).unwrap_or(&Value::Null)
    };
    let mut text = String::new();
    for (path, needed) in named("inputDrvs", "drvs").as_object().into_iter().flatten() {
        let outputs = match needed {
            Value::Array(outputs) => outputs.as_slice(),
            other => other.get("outputs").and_then(Value::as_array).map_or(&[][..], Vec::as_slice),
        };
        if outputs.is_empty() {
            return Err(format!("what it needs of {path} is known only once that is built"));
        }
        let outputs: Vec<String> = outputs.iter().map(nix).collect();
        let _ = writeln!(text, "  {} = {{ outputs = [ {} ]; }};", string(&whole(path)), outputs.join(" "));
    }
    let sources = named("inputSrcs", "srcs").as_array().into_iter().flatten();
    for path in sources.filter_map(Value::as_str) {
        let _ = writeln!(text, "  {} = {{ path = true; }};", string(&whole(path)));
    }
    Ok(text)
}

/// Since 2.33 Nix leaves out the store's folder.
fn whole(path: &str) -> String {
    if path.starts_with('/') { path.to_owned() } else { format!("/nix/store/{path}") }
}

/// A value as Nix reads it.
fn nix(value: &Value) -> String {
    match value {
        Value::String(text) => string(text),
        Value::Array(all) => format!("[ {} ]", all.iter().map(nix).collect::<Vec<_>>().join(" ")),
        Value::Object(all) => {
            let all = all.iter().map(|(name, value)| format!("{} = {};", string(name), nix(value)));
            format!("{{ {} }}", all.collect::<Vec<_>>().join(" "))
        }
        // A list's items are told apart by spaces, so that a minus would stand alone.
        Value::Number(number) => format!("({number})"),
        Value::Bool(_) | Value::Null => value.to_string(),
    }
}

/// A string as Nix reads it.
fn string(text: &str) -> String {
    let mut out = String::from("\"");
    for c in text.chars() {
        match c {
            '"' | '\\' | '$' => out.extend(['\\', c]),
            '\n' => out.push_str("\\n"),
            '\r' => out.push_str("\\r"),
            '\t' => out.push_str("\\t"),
            other => out.push(other),
        }
    }
    out.push('"');
    out
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nix 2.34.8.
    const PLAIN: &str = r#"{"derivations":{"gss7j45drf1vd20mb2r98i1m921vxsc4-vm-test-run-good.drv":{"args":["-c","echo running; echo x > $out"],"builder":"/bin/sh","env":{"builder":"/bin/sh","dep":"/nix/store/rc9dqq9pbxgk1yffcjap64fh728a598z-dep","name":"vm-test-run-good","out":"/nix/store/yf7c6fmwvlpmyqndbvavx0lg1374an1m-vm-test-run-good","requiredSystemFeatures":"nixos-test","system":"aarch64-linux"},"inputs":{"drvs":{"pf9sjcb77m0hc25hhr223ya5l6rnra8m-dep.drv":{"dynamicOutputs":{},"outputs":["out"]}},"srcs":[]},"name":"vm-test-run-good","outputs":{"out":{"path":"yf7c6fmwvlpmyqndbvavx0lg1374an1m-vm-test-run-good"}},"system":"aarch64-linux","version":4}},"version":4}"#;
    /// Nix 2.34.8.
    const STRUCTURED: &str = r#"{"derivations":{"ynss11w4qglhr6f4vm3k7n67gkbah0ci-st.drv":{"args":["-c","echo > $out"],"builder":"/bin/sh","env":{"out":"/nix/store/c3a4jhywipvq8hcmy6ggmzrkkp4wzal6-st"},"inputs":{"drvs":{},"srcs":["x7h0drv1vd20mb2r98i1m921vxsc4aaaa-s"]},"name":"st","outputs":{"out":{"path":"c3a4jhywipvq8hcmy6ggmzrkkp4wzal6-st"}},"structuredAttrs":{"a":["b",-1],"builder":"/bin/sh","name":"st","system":"aarch64-linux"},"system":"aarch64-linux","version":4}},"version":4}"#;

    #[test]
    fn it_is_the_same_but_for_one_variable() {
        let text = expression(PLAIN, "n-1").unwrap();
        assert_eq!(
            text,
            r#"derivation ({
  "args" = [ "-c" "echo running; echo x > \$out" ];
  "builder" = "/bin/sh";
  "dep" = "/nix/store/rc9dqq9pbxgk1yffcjap64fh728a598z-dep";
  "name" = "vm-test-run-good";
  "requiredSystemFeatures" = "nixos-test";
  "system" = "aarch64-linux";
} // { BUILDER_DOCTOR_RUN = builtins.appendContext "n-1" {
  "/nix/store/pf9sjcb77m0hc25hhr223ya5l6rnra8m-dep.drv" = { outputs = [ "out" ]; };
}; })"#
        );
    }

    #[test]
    fn structured_attributes_and_sources_stay() {
        let text = expression(STRUCTURED, "n").unwrap();
        assert!(text.contains(r#""a" = [ "b" (-1) ];"#), "{text}");
        assert!(text.contains(r#""__structuredAttrs" = true;"#), "{text}");
        assert!(text.contains(r#""/nix/store/x7h0drv1vd20mb2r98i1m921vxsc4aaaa-s" = { path = true; };"#));
        let old = r#"{"/nix/store/y.drv":{"args":[],"builder":"b","env":{"__json":"{\"a\":[null]}","out":"o","dev":"d"},"inputDrvs":{"/nix/store/z.drv":["dev"]},"inputSrcs":[],"name":"st","outputs":{"dev":{},"out":{}},"system":"s"}}"#;
        let text = expression(old, "n").unwrap();
        assert!(text.contains(r#""a" = [ null ];"#) && text.contains("\"/nix/store/z.drv\""), "{text}");
        assert!(text.contains(r#""outputs" = [ "dev" "out" ];"#), "{text}");
    }

    #[test]
    fn what_cannot_run_anew_is_said() {
        let of = |change: fn(&mut Value)| {
            let mut shown: Value = serde_json::from_str(PLAIN).unwrap();
            let all = shown["derivations"].as_object_mut().unwrap();
            change(all.values_mut().next().unwrap());
            expression(&shown.to_string(), "n").unwrap_err()
        };
        assert!(of(|it| it["outputs"]["out"]["hash"] = "x".into()).starts_with("its result is fixed"));
        assert_eq!(of(|it| it["env"] = Value::Null), "it shows no environment");
        assert!(
            of(|it| it["env"]["x"] = "x".repeat(200_000).into()).starts_with("its derivation is too long")
        );
        assert_eq!(expression("{}", "n").unwrap_err(), "it is not one derivation");
        assert_eq!(expression("x", "n").unwrap_err(), "what Nix shows is not JSON at line 1");
    }

    #[test]
    fn no_text_breaks_out_of_its_string() {
        assert_eq!(string("a\"${b}\\\n''"), "\"a\\\"\\${b}\\\\\\n''\"");
    }
}
