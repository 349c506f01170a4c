//! The saved machines of tests/states, and the kinds that every format and every screen is shown of.

use builder_doctor::report::json::{Saved, parse};
use serde_json::{Value, json};
use std::fs;
use std::path::Path;

/// The folder of the saved machines.
pub const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states");

/// A saved machine.
pub fn state(name: &str) -> Vec<u8> {
    fs::read(Path::new(FOLDER).join(name).with_extension("json")).unwrap()
}

/// Every saved machine with its name, in the order of the names.
pub fn all() -> Vec<(String, Vec<u8>)> {
    let mut names: Vec<String> = fs::read_dir(FOLDER)
        .unwrap()
        .map(|entry| entry.unwrap().path().file_stem().unwrap().to_str().unwrap().to_owned())
        .collect();
    names.sort();
    assert!(names.len() > 100, "the saved machines are gone");
    names.into_iter().map(|name| (name.clone(), state(&name))).collect()
}

/// The same, read as `--from` reads them.
pub fn read() -> Vec<(String, Saved)> {
    let parsed = |name: &str, bytes: &[u8]| parse(bytes).unwrap_or_else(|error| panic!("{name}: {error}"));
    all().into_iter().map(|(name, bytes)| (name.clone(), parsed(&name, &bytes))).collect()
}

/// A healthy machine whose test build gave no answer.
fn unknown() -> Vec<u8> {
    let mut report: Value = serde_json::from_slice(&state("healthy")).unwrap();
    report["evidence"]["builds"] = json!({ "blind": { "because": "`nix build` gave no answer in 30 s" } });
    report.to_string().into_bytes()
}

/// One of each kind: healthy, one cause, two causes, unknown, no Nix.
pub fn kinds() -> [(&'static str, Vec<u8>); 5] {
    [
        ("healthy", state("healthy")),
        ("one-cause", state("builder-service-not-loaded")),
        ("two-causes", state("two-causes")),
        ("unknown", unknown()),
        ("no-nix", state("nix-not-installed")),
    ]
}
