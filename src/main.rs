//! The command line: what was typed, made into what it means; the only place that prints.

mod cli;
mod commands;
mod replay;
mod terminal;
mod waiting;

use builder_doctor::evidence::{Evidence, Progress, Timing, Wanted, gather};
use builder_doctor::expectations::Expectations;
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use clap::Parser;
use cli::{Cli, Topic};
use commands::{check, explain, fix, list, look_as_root, why};
use std::process::ExitCode;

/// The exit code of what the user has to put right in the call itself.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match cli.topic {
        None => check::run(&cli.check),
        Some(Topic::Check(args)) => check::run(&args),
        Some(Topic::Fix(args)) => fix::run(&args),
        Some(Topic::List(args)) => Ok(list::run(&args)),
        Some(Topic::Explain(args)) => explain::run(&args),
        Some(Topic::Why(args)) => why::run(&args),
        Some(Topic::LookAsRoot { request }) => look_as_root::run(&request),
    };
    ended.unwrap_or_else(|error| {
        terminal::complain(&error);
        ExitCode::from(USAGE)
    })
}

/// Prints, and ends with this code; a reader that has gone away is no error, a full disk is.
fn say(text: &str, code: u8) -> ExitCode {
    match terminal::print(text) {
        Ok(()) => ExitCode::from(code),
        Err(error) => {
            terminal::complain(&format!("the report cannot be written: {error}"));
            ExitCode::from(USAGE)
        }
    }
}

/// Gathers, and names the slowest probe on a terminal while it does.
fn watched(host: &Live, want: &Expectations, wanted: &Wanted) -> (Evidence, Vec<Timing>) {
    let progress = Progress::default();
    let over = Cancel::default();
    std::thread::scope(|scope| {
        scope.spawn(|| terminal::show_progress(host, &progress, &over));
        let found = gather(host, want, wanted, &progress);
        over.cancel("all evidence is in");
        found
    })
}
