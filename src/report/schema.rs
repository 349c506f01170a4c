//! The JSON Schema of the report: docs/report.schema.json, which a test makes from the types that are written, so that it
//! cannot drift from them. The program holds the text, and nothing that makes it.
//!
//! One schema fits the reports of its own version and of every earlier one of the same `schema_version`: a
//! property is required only where every report that was ever written has it, and none forbids others.

use super::Report;
use crate::checks;
use schemars::generate::SchemaSettings;
use schemars::transform::{RecursiveTransform, RestrictFormats};
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde_json::{Value, json};
use std::borrow::Cow;
use std::sync::OnceLock;

/// What the report promises, for whoever reads the schema alone.
const CONTRACT: &str = "What `builder-doctor --json` prints. schema_version is bumped when a meaning changes or a property goes; \
additions bump nothing, so pass over what you do not know. Closed for one schema_version, so that a program may count on them: verdict, \
exit_code, status, severity, role, safety, the states of the chain and the layers. Open: the ids of checks (the known ones are \
listed), the facts in evidence, and the words that name what was seen in them. This schema fits the reports of its own version \
and of every earlier one with the same schema_version.";

/// The name of the schema: it stays while `schema_version` does.
const NAME: &str = "urn:builder-doctor:report:1";

/// The schema as the program holds it: docs/report.schema.json without the space between its words.
pub const TEXT: &str = include_str!(concat!(env!("OUT_DIR"), "/report.schema.json"));

/// The schema of the report, draft 2020-12.
pub fn schema() -> &'static Value {
    static SCHEMA: OnceLock<Value> = OnceLock::new();
    SCHEMA.get_or_init(|| serde_json::from_str(TEXT).unwrap_or_default())
}

/// The text of docs/report.schema.json.
pub fn text() -> String {
    super::json::written(schema())
}

/// One of its types, with what that refers to.
pub fn of(name: &str) -> Value {
    json!({"$ref": format!("#/$defs/{name}"), "$defs": schema()["$defs"]})
}

/// The text that the types make today.
pub fn render() -> String {
    super::json::written(&derived())
}

/// The schema that the types make today.
pub fn derived() -> Value {
    let of = |how: SchemaSettings| {
        let how = how.with_transform(RecursiveTransform(addresses));
        let how = how.with_transform(RestrictFormats::default()).with_transform(RecursiveTransform(open));
        how.into_generator().into_root_schema_for::<Report>().to_value()
    };
    let mut schema = of(SchemaSettings::draft2020_12().for_serialize());
    required_by_both(&mut schema, &of(SchemaSettings::draft2020_12().for_deserialize()));
    schema["$id"] = NAME.into();
    schema["title"] = "A report of builder-doctor".into();
    schema["description"] = CONTRACT.into();
    schema
}

/// No standard names the format of an address of either kind, and what stands in for one must be one.
fn addresses(schema: &mut Schema) {
    if schema.get("format").is_some_and(|it| it == "ip") {
        schema.insert("x-format".to_owned(), "ip".into());
    }
}

/// What a later version adds must fit, and what an absent property stands for is the reader's affair.
fn open(schema: &mut Schema) {
    if schema.get("additionalProperties") == Some(&Value::Bool(false)) {
        schema.remove("additionalProperties");
    }
    schema.remove("default");
    if let Some(Value::String(text)) = schema.get_mut("description") {
        // Documentation is broken into lines, and links to other types.
        let paragraphs: Vec<String> = text.split("\n\n").map(|it| it.replace('\n', " ")).collect();
        *text = paragraphs.join("\n\n").replace("[`", "`").replace("`]", "`");
    }
}

/// A property is required where it is always written, and was always expected.
fn required_by_both(written: &mut Value, read: &Value) {
    match written {
        Value::Object(all) => {
            for (key, inner) in all.iter_mut() {
                match (key.as_str(), inner) {
                    ("required", Value::Array(names)) => {
                        let read = read[key].as_array();
                        names.retain(|name| read.is_some_and(|read| read.contains(name)));
                    }
                    (_, inner) => required_by_both(inner, &read[key]),
                }
            }
            all.retain(|key, names| key != "required" || *names != json!([]));
        }
        Value::Array(all) => {
            all.iter_mut().zip(0..).for_each(|(inner, at): (_, usize)| required_by_both(inner, &read[at]));
        }
        _ => {}
    }
}

/// The id of a check, as the schema has it: those that are known, and whatever else a later or an earlier version says.
pub(super) struct CheckId;

impl JsonSchema for CheckId {
    fn schema_name() -> Cow<'static, str> {
        "CheckId".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        let known = checks::every();
        let mut all: Vec<Value> = known.iter().map(|it| json!({"const": it.id, "title": it.title})).collect();
        all.push(json!({"title": "a check of another version"}));
        json_schema!({
            "type": "string",
            "pattern": "^[a-z0-9]+(-[a-z0-9]+)*$",
            "description": "The name of a fault: never used again for another one, and not a closed list. \
                            Each known one with what is true when all is well.",
            "anyOf": all,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::SCHEMA_VERSION;

    #[test]
    fn the_text_is_that_of_the_types() {
        assert_eq!(
            *schema(),
            derived(),
            "UPDATE_SCHEMA=1 cargo test --test schema writes docs/report.schema.json anew"
        );
    }

    #[test]
    fn every_check_is_named() {
        let schema = derived();
        let known = schema["$defs"]["CheckId"]["anyOf"].as_array().unwrap();
        for check in checks::every() {
            assert!(known.iter().any(|it| it["const"] == check.id), "{}", check.id);
        }
        assert_eq!(schema["properties"]["schema_version"]["const"], SCHEMA_VERSION);
        assert_eq!(NAME.rsplit(':').next(), Some(SCHEMA_VERSION.to_string().as_str()));
    }

    #[test]
    fn what_came_later_is_not_required() {
        let schema = derived();
        assert!(schema["$defs"]["Evidence"]["properties"]["taken"].is_object());
        assert!(schema["$defs"]["Evidence"].get("required").is_none());
        let required = schema["required"].as_array().unwrap();
        assert!(required.contains(&json!("evidence")) && !required.contains(&json!("interrupted")));
    }
}
