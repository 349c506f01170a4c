//! Machines that are not this one: saved reports, and those that are built in.

use crate::cli::unknown;
use crate::commands::check::CheckArgs;
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::fleet::source::{Given, LARGEST_ALONE, Source, open};
use builder_doctor::fleet::wrapped;
use builder_doctor::host::live::read_input;
use builder_doctor::host::{Host, HostError};
use builder_doctor::report::json::{Saved, parse, parse_for_preflight};
use std::path::Path;

/// Saved machines that are built in, by name: real reports out of tests/states.
const EXAMPLES: &[(&str, &str)] = &[
    ("broken", include_str!(concat!(env!("OUT_DIR"), "/broken.json"))),
    ("two-causes", include_str!(concat!(env!("OUT_DIR"), "/two-causes.json"))),
    ("healthy", include_str!(concat!(env!("OUT_DIR"), "/healthy.json"))),
];

/// The names of the built-in machines.
pub fn names() -> Vec<(&'static str, &'static str)> {
    EXAMPLES.iter().map(|(name, _)| (*name, "a saved machine")).collect()
}

/// The machine, or machines, to judge instead of this one.
pub enum Replay<'h> {
    /// One saved report.
    One(Box<Saved>),
    /// A folder, or several reports in one stream.
    Many(Box<Source<'h>>),
}

/// The report in a file, or on standard input.
pub fn read(path: &Path) -> Result<Saved, String> {
    read_by(path, parse)
}

/// The same for a preflight, which reads its own reports as well.
pub fn read_for_preflight(path: &Path) -> Result<Saved, String> {
    read_by(path, parse_for_preflight)
}

fn read_by(path: &Path, parse: fn(&[u8]) -> Result<Saved, String>) -> Result<Saved, String> {
    let shown = shown(path);
    let bytes = read_input(path, LARGEST_ALONE as u64)
        .map_err(|error| format!("{shown}: {}", HostError::from(error)))?;
    parse(&bytes).map_err(|error| format!("{shown}: {error}"))
}

/// What is to be judged instead of this machine, if that was asked for.
pub fn given<'h>(args: &CheckArgs, host: &'h dyn Host) -> Result<Option<Replay<'h>>, String> {
    if let Some(path) = &args.from {
        let read = open(host, path).and_then(|given| match given {
            Given::Many(source) => Ok(Replay::Many(Box::new(source))),
            Given::One(bytes) => wrapped::read(&bytes).map(|(_, saved)| Replay::One(Box::new(saved))),
        });
        return read.map(Some).map_err(|error| format!("{}: {error}", shown(path)));
    }
    let Some(name) = args.example.as_deref() else { return Ok(None) };
    let name = if name.is_empty() { "broken" } else { name };
    let example = EXAMPLES.iter().find(|(known, _)| *known == name);
    let (_, text) =
        example.ok_or_else(|| unknown("example", name, EXAMPLES.iter().map(|(known, _)| *known)))?;
    let saved = parse(text.as_bytes()).map_err(|error| format!("the example {name}: {error}"))?;
    Ok(Some(Replay::One(Box::new(saved))))
}

/// By what a machine is judged: what is named, else what its report says, else what is found here.
pub fn expected(
    host: &dyn Host,
    saved: Option<Expectations>,
    named: Option<&Path>,
) -> Result<Expectations, String> {
    match (saved, named) {
        (Some(saved), None) => Ok(saved),
        (_, named) => expectations::find(host, named),
    }
}

/// What a user typed, for a line of ours.
pub fn shown(path: &Path) -> String {
    match path.to_string_lossy() {
        name if name == "-" => "standard input".to_owned(),
        name => builder_doctor::prose::line(&name),
    }
}
