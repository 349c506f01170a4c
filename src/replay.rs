//! Machines that are not this one: saved reports, and those that are built in.

use crate::cli::unknown;
use crate::commands::check::CheckArgs;
use builder_doctor::host::HostError;
use builder_doctor::host::live::read_input;
use builder_doctor::report::json::{Saved, parse};
use std::path::Path;

/// A report larger than this is none: 64 MiB.
const LARGEST: u64 = 64 << 20;

/// Saved machines that are built in, by name: real reports out of tests/states.
const EXAMPLES: &[(&str, &str)] = &[
    ("broken", include_str!("../tests/states/builder-service-not-loaded.json")),
    ("two-causes", include_str!("../tests/states/two-causes.json")),
    ("healthy", include_str!("../tests/states/healthy.json")),
];

/// The names of the built-in machines.
pub fn names() -> Vec<(&'static str, &'static str)> {
    EXAMPLES.iter().map(|(name, _)| (*name, "a saved machine")).collect()
}

/// The report in a file, or on standard input.
pub fn read(path: &Path) -> Result<Saved, String> {
    let shown = match path.to_string_lossy() {
        name if name == "-" => "standard input".to_owned(),
        name => builder_doctor::prose::line(&name),
    };
    let bytes = read_input(path, LARGEST).map_err(|error| format!("{shown}: {}", HostError::from(error)))?;
    parse(&bytes).map_err(|error| format!("{shown}: {error}"))
}

/// The machine to judge instead of this one, if one was asked for.
pub fn saved(args: &CheckArgs) -> Result<Option<Saved>, String> {
    if let Some(path) = &args.from {
        return read(path).map(Some);
    }
    let Some(name) = args.example.as_deref() else { return Ok(None) };
    let name = if name.is_empty() { "broken" } else { name };
    let example = EXAMPLES.iter().find(|(known, _)| *known == name);
    let (_, text) =
        example.ok_or_else(|| unknown("example", name, EXAMPLES.iter().map(|(known, _)| *known)))?;
    parse(text.as_bytes()).map(Some).map_err(|error| format!("the example {name}: {error}"))
}
