//! `builder-doctor list`: every check, then every topic.

use crate::cli::LookArgs;
use crate::say;
use builder_doctor::report::list;
use builder_doctor::{checks, topics};
use std::process::ExitCode;

/// Lists.
pub fn run(args: &LookArgs) -> ExitCode {
    let paint = args.paint();
    let checks = list::checks(&checks::all(), paint);
    let topics = list::topics(topics::ALL, paint);
    say(&format!("{}\n\n{}\n", checks.trim_end(), topics.trim_end()), 0)
}
