//! `builder-doctor schema`: the JSON Schema of the report.

use crate::say;
use builder_doctor::report::schema;
use std::process::ExitCode;

/// Prints it.
pub fn run() -> ExitCode {
    say(&schema::text(), 0)
}
