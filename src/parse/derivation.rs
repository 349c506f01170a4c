//! `nix derivation show`: what decides which machine takes a derivation, and nothing else of it.

use super::text::is_nix_space;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::collections::BTreeSet;

/// What a derivation requires of whoever builds it.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Required {
    /// Its name, where there is a derivation and not only a question.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub name: Option<String>,
    /// The system that it is for, or `builtin`.
    #[schemars(extend("x-kind" = "public"))]
    pub system: String,
    /// The system features that it demands.
    #[serde(default)]
    #[schemars(extend("x-kind" = "public"))]
    pub features: BTreeSet<String>,
    /// Whether Nix builds it by itself where it can, before it asks any machine.
    #[serde(default)]
    pub prefer_local: bool,
    /// Its builder is a part of Nix, so that its system does not keep Nix from building it by itself.
    #[serde(default)]
    pub builtin: bool,
}

/// What Nix adds to the demands of a derivation whose output paths are known only after it is built.
const CONTENT_ADDRESSED: &str = "ca-derivations";

/// The one derivation that the text shows. The error is a fragment that reads after "because".
pub fn parse(text: &str) -> Result<Required, String> {
    let whole: Value = serde_json::from_str(text)
        .map_err(|error| format!("what Nix shows is not JSON at line {}", error.line()))?;
    let whole = whole.as_object().ok_or("what Nix shows is no derivation")?;
    // Since 2.33 they are one level deeper; before, the whole was the map from path to derivation.
    let all = match whole.get("derivations") {
        Some(Value::Object(all)) => all,
        _ => whole,
    };
    let mut shown = all.values();
    match (shown.next(), shown.len()) {
        (Some(Value::Object(one)), 0) => required(one),
        (None, _) => Err("it names no derivation".to_owned()),
        (Some(Value::Object(_)), more) => Err(format!("it names {} derivations, not one", more + 1)),
        _ => Err("what Nix shows is no derivation".to_owned()),
    }
}

fn required(derivation: &Map<String, Value>) -> Result<Required, String> {
    let text = |name: &str| derivation.get(name).and_then(Value::as_str);
    let system = text("system").ok_or("what Nix shows names no system")?;
    let attributes = Attributes::of(derivation)?;
    let mut features = attributes.features()?;
    let outputs = derivation.get("outputs").and_then(Value::as_object);
    // A fixed output has a hash. One with neither path nor algorithm gets its path before it is built.
    let floats = |output: &Value| output.get("hashAlgo").is_some() && output.get("hash").is_none();
    if outputs.is_some_and(|all| all.values().any(floats)) {
        features.insert(CONTENT_ADDRESSED.to_owned());
    }
    Ok(Required {
        name: text("name").map(str::to_owned),
        system: system.to_owned(),
        features,
        prefer_local: attributes.prefer_local()?,
        builtin: text("builder").is_some_and(|builder| builder.starts_with("builtin:")),
    })
}

/// Where the attributes of a derivation are: in the environment, or structured, and then there alone.
enum Attributes<'a> {
    Plain(Option<&'a Map<String, Value>>),
    Structured(Map<String, Value>),
}

impl<'a> Attributes<'a> {
    fn of(derivation: &'a Map<String, Value>) -> Result<Self, String> {
        let object = |name: &str| derivation.get(name).and_then(Value::as_object);
        if let Some(structured) = object("structuredAttrs") {
            return Ok(Attributes::Structured(structured.clone()));
        }
        let plain = object("env");
        // Older ones keep them as a text in the environment.
        match plain.and_then(|env| env.get("__json")).and_then(Value::as_str) {
            None => Ok(Attributes::Plain(plain)),
            Some(json) => match serde_json::from_str(json) {
                Ok(Value::Object(structured)) => Ok(Attributes::Structured(structured)),
                _ => Err("its structured attributes cannot be read".to_owned()),
            },
        }
    }

    fn features(&self) -> Result<BTreeSet<String>, String> {
        let wrong = || "its requiredSystemFeatures is no list of words".to_owned();
        match self {
            Attributes::Plain(env) => {
                let written = env.and_then(|env| env.get("requiredSystemFeatures")).and_then(Value::as_str);
                let words = written.unwrap_or("").split(is_nix_space).filter(|word| !word.is_empty());
                Ok(words.map(str::to_owned).collect())
            }
            Attributes::Structured(all) => match all.get("requiredSystemFeatures") {
                None => Ok(BTreeSet::new()),
                Some(Value::Array(words)) => {
                    words.iter().map(|word| word.as_str().map(str::to_owned).ok_or_else(wrong)).collect()
                }
                Some(_) => Err(wrong()),
            },
        }
    }

    fn prefer_local(&self) -> Result<bool, String> {
        match self {
            Attributes::Plain(env) => {
                Ok(env.and_then(|env| env.get("preferLocalBuild")).and_then(Value::as_str) == Some("1"))
            }
            Attributes::Structured(all) => match all.get("preferLocalBuild") {
                None => Ok(false),
                Some(Value::Bool(prefers)) => Ok(*prefers),
                Some(_) => Err("its preferLocalBuild is neither true nor false".to_owned()),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Nix 2.34.8.
    const NEW: &str = r#"{"derivations":{"sdy1j4mq1060z8pn230ayfjwmpbbkfj0-x.drv":{"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","name":"x","out":"/nix/store/mghm9pb8l9fwdkpwfmwzm1p3paq3m2dk-x","preferLocalBuild":"1","requiredSystemFeatures":"kvm","system":"aarch64-linux"},"inputs":{"drvs":{},"srcs":[]},"name":"x","outputs":{"out":{"path":"mghm9pb8l9fwdkpwfmwzm1p3paq3m2dk-x"}},"system":"aarch64-linux","version":4}},"version":4}"#;
    /// Nix 2.34.8.
    const NEW_STRUCTURED: &str = r#"{"derivations":{"nhibm31cawdz1hs26v905350qn9437x8-x.drv":{"args":[],"builder":"/bin/sh","env":{"out":"/nix/store/q073w5xgra89jcd24vqakbpy3s87xkb2-x"},"inputs":{"drvs":{},"srcs":[]},"name":"x","outputs":{"out":{"path":"q073w5xgra89jcd24vqakbpy3s87xkb2-x"}},"structuredAttrs":{"builder":"/bin/sh","name":"x","preferLocalBuild":true,"requiredSystemFeatures":["kvm"],"system":"aarch64-linux"},"system":"aarch64-linux","version":4}},"version":4}"#;
    /// Nix 2.34.8.
    const FIXED: &str = r#"{"derivations":{"k9n285imy296zgzp057yih2dhiy918za-fixed.drv":{"args":[],"builder":"builtin:fetchurl","env":{"builder":"builtin:fetchurl","name":"fixed","out":"/nix/store/ap9h69qwrm5060ldi96axyklh3pr3yjn-fixed","outputHash":"0000000000000000000000000000000000000000000000000000","outputHashAlgo":"sha256","outputHashMode":"flat","preferLocalBuild":"1","system":"builtin","url":"http://x"},"inputs":{"drvs":{},"srcs":[]},"name":"fixed","outputs":{"out":{"hash":"sha256-AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=","method":"flat"}},"system":"builtin","version":4}},"version":4}"#;
    /// Nix 2.34.8.
    const FLOATING: &str = r#"{"derivations":{"way2qszckx662kj60gifj045gl23dbxb-floating.drv":{"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","name":"floating","out":"/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9","outputHashAlgo":"sha256","outputHashMode":"recursive","system":"aarch64-linux"},"inputs":{"drvs":{},"srcs":[]},"name":"floating","outputs":{"out":{"hashAlgo":"sha256","method":"nar"}},"system":"aarch64-linux","version":4}},"version":4}"#;
    /// Nix 2.34.8.
    const DEFERRED: &str = r#"{"derivations":{"7xlw1nlwa7nv058nvda34ml4bnlwnrc5-deferred.drv":{"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","c":"/1hw3j95f0xl09r3ynml0cv2cmagsz3vs0msb2xxsbm8cd05325w5","name":"deferred","out":"","system":"aarch64-linux"},"inputs":{"drvs":{"way2qszckx662kj60gifj045gl23dbxb-floating.drv":{"dynamicOutputs":{},"outputs":["out"]}},"srcs":[]},"name":"deferred","outputs":{"out":{}},"system":"aarch64-linux","version":4}},"version":4}"#;
    /// Nix 2.26.
    const OLD: &str = r#"{
  "/nix/store/09kxnhsd7bp8b4bpr22z7cwkwixx7lrz-x.drv": {
    "args": [],
    "builder": "/bin/sh",
    "env": {
      "builder": "/bin/sh",
      "name": "x",
      "out": "/nix/store/2yjla0riisnfmscc55nzpgyqyhxalk41-x",
      "preferLocalBuild": "1",
      "requiredSystemFeatures": "kvm big-parallel",
      "system": "aarch64-linux"
    },
    "inputDrvs": {},
    "inputSrcs": [],
    "name": "x",
    "outputs": {
      "out": {
        "path": "/nix/store/2yjla0riisnfmscc55nzpgyqyhxalk41-x"
      }
    },
    "system": "aarch64-linux"
  }
}"#;
    /// Nix 2.26.
    const OLD_STRUCTURED: &str = r#"{"/nix/store/nhibm31cawdz1hs26v905350qn9437x8-x.drv":{"args":[],"builder":"/bin/sh","env":{"__json":"{\"builder\":\"/bin/sh\",\"name\":\"x\",\"preferLocalBuild\":true,\"requiredSystemFeatures\":[\"kvm\"],\"system\":\"aarch64-linux\"}","out":"/nix/store/q073w5xgra89jcd24vqakbpy3s87xkb2-x"},"inputDrvs":{},"inputSrcs":[],"name":"x","outputs":{"out":{"path":"/nix/store/q073w5xgra89jcd24vqakbpy3s87xkb2-x"}},"system":"aarch64-linux"}}"#;
    /// Nix 2.26.
    const OLD_FLOATING: &str = r#"{"/nix/store/way2qszckx662kj60gifj045gl23dbxb-floating.drv":{"args":[],"builder":"/bin/sh","env":{"builder":"/bin/sh","name":"floating","out":"/1rz4g4znpzjwh1xymhjpm42vipw92pr73vdgl6xs1hycac8kf2n9","outputHashAlgo":"sha256","outputHashMode":"recursive","system":"aarch64-linux"},"inputDrvs":{},"inputSrcs":[],"name":"floating","outputs":{"out":{"hashAlgo":"sha256","method":"nar"}},"system":"aarch64-linux"}}"#;

    fn features(text: &str) -> Vec<String> {
        parse(text).unwrap().features.into_iter().collect()
    }

    #[test]
    fn every_form_says_the_same() {
        for text in [NEW, NEW_STRUCTURED, OLD_STRUCTURED] {
            let required = Required {
                name: Some("x".to_owned()),
                system: "aarch64-linux".to_owned(),
                features: ["kvm".to_owned()].into(),
                prefer_local: true,
                builtin: false,
            };
            assert_eq!(parse(text), Ok(required), "{text}");
        }
        assert_eq!(features(OLD), ["big-parallel", "kvm"]);
        assert_eq!(features(&NEW.replace("\"kvm\"", "\" kvm\\n kvm \"")), ["kvm"]);
    }

    #[test]
    fn only_a_true_one_prefers_the_local_build() {
        assert!(
            !parse(&NEW.replace(r#""preferLocalBuild":"1""#, r#""preferLocalBuild":"""#))
                .unwrap()
                .prefer_local
        );
        assert!(!parse(&NEW_STRUCTURED.replace("true", "false")).unwrap().prefer_local);
        assert!(!parse(FLOATING).unwrap().prefer_local);
    }

    #[test]
    fn an_output_that_floats_demands_a_feature_and_others_do_not() {
        assert_eq!(features(FLOATING), ["ca-derivations"]);
        assert_eq!(features(OLD_FLOATING), ["ca-derivations"]);
        // Nix knows its path before it asks any machine.
        assert_eq!(features(DEFERRED), [""; 0]);
        assert_eq!(features(FIXED), [""; 0]);
    }

    #[test]
    fn a_builder_of_nixs_own_is_told() {
        let fixed = parse(FIXED).unwrap();
        assert_eq!((fixed.system.as_str(), fixed.builtin, fixed.prefer_local), ("builtin", true, true));
    }

    #[test]
    fn what_is_no_single_derivation_is_told_in_a_line() {
        let said = |text: &str| parse(text).unwrap_err();
        assert_eq!(said(""), "what Nix shows is not JSON at line 1");
        assert_eq!(said("[]"), "what Nix shows is no derivation");
        assert_eq!(said("{\"a\":1}"), "what Nix shows is no derivation");
        assert_eq!(said("{}"), "it names no derivation");
        assert_eq!(said(r#"{"derivations":{},"version":4}"#), "it names no derivation");
        assert_eq!(said(r#"{"a":{},"b":{}}"#), "it names 2 derivations, not one");
        assert_eq!(said(r#"{"a":{"system":1}}"#), "what Nix shows names no system");
        assert_eq!(
            said(&NEW_STRUCTURED.replace("[\"kvm\"]", "[1]")),
            "its requiredSystemFeatures is no list of words"
        );
        assert_eq!(
            said(&NEW_STRUCTURED.replace("true", "\"1\"")),
            "its preferLocalBuild is neither true nor false"
        );
        assert_eq!(said(&OLD_STRUCTURED.replace("{\\\"", "{")), "its structured attributes cannot be read");
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..600, cut in 0usize..9) {
            let _ = parse(&text);
            for sample in [NEW, NEW_STRUCTURED, OLD, OLD_STRUCTURED] {
                let tail = sample.chars().skip(at + cut);
                let _ = parse(&sample.chars().take(at).chain(text.chars()).chain(tail).collect::<String>());
            }
        }
    }
}
