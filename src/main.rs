//! The command line: what was typed, made into what it means; the only place that prints.

mod by_root;
mod cli;
mod commands;
mod control;
mod judged;
mod mending;
mod names;
mod output;
mod replay;
mod setting_up;
mod terminal;
mod waiting;

use builder_doctor::evidence::{Evidence, Progress, Timing, Told, Wanted, gather};
use builder_doctor::expectations::Expectations;
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::host::secrets::Secrets;
use clap::Parser;
use cli::{Cli, Topic};
use commands::{
    check, completions, control_as_root, diff, explain, fix, list, look_as_root, man, mend_as_root,
    preflight, restart, schema, setup, start, status, stop, tests, undo, wait, why,
};
use std::process::ExitCode;

/// The exit code of what the user has to put right in the call itself.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let typed = names::meant(std::env::args_os());
    if let Some(help) = cli::short_help(&typed) {
        return say(&help, 0);
    }
    let cli = Cli::parse_from(typed);
    let ended = match cli.topic {
        None => check::run(&cli.check),
        Some(Topic::Check(args)) => check::run(&args),
        Some(Topic::Preflight(args)) => preflight::run(&args),
        Some(Topic::Setup(args)) => setup::run(&args),
        Some(Topic::Fix(args)) => fix::run(&args),
        Some(Topic::Undo(args)) => undo::run(&args),
        Some(Topic::List(args)) => list::run(&args),
        Some(Topic::Explain(args)) => explain::run(&args),
        Some(Topic::Diff(args)) => diff::run(&args),
        Some(Topic::Why(args)) => why::run(&args),
        Some(Topic::Tests(args)) => tests::run(&args),
        Some(Topic::Schema) => Ok(schema::run()),
        Some(Topic::Completions(args)) => completions::run(&args),
        Some(Topic::Man(args)) => man::run(&args),
        Some(Topic::Start(args)) => start::run(&args),
        Some(Topic::Stop(args)) => stop::run(&args),
        Some(Topic::Restart(args)) => restart::run(&args),
        Some(Topic::Status(args)) => status::run(&args),
        Some(Topic::Wait(args)) => wait::run(&args),
        Some(Topic::ControlAsRoot { order, label }) => control_as_root::run(&order, &label),
        Some(Topic::LookAsRoot { request }) => look_as_root::run(&request),
        Some(Topic::MendAsRoot) => mend_as_root::run(),
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

/// The same of what was found out on this machine, if it was: then it holds no secret of it, or is not printed.
fn say_of(here: Option<&Live>, text: &str, code: u8) -> Result<ExitCode, String> {
    if here.is_some_and(|host| Secrets::of_this_machine(host, None).found_in(text, false)) {
        return Err("the answer is not printed: it holds a secret of this machine".to_owned());
    }
    Ok(say(text, code))
}

/// Gathers, and names the slowest probe on a terminal while it does.
fn watched(host: &Live, want: &Expectations, wanted: &Wanted) -> (Evidence, Vec<Timing>) {
    told(host, want, wanted, None)
}

/// The same, for somebody who hears of each fact as it comes in.
fn told(host: &Live, want: &Expectations, wanted: &Wanted, told: Option<Told>) -> (Evidence, Vec<Timing>) {
    let progress = Progress::telling(told);
    let over = Cancel::default();
    std::thread::scope(|scope| {
        scope.spawn(|| terminal::show_progress(host, &progress, &over));
        let found = gather(host, want, wanted, &progress);
        over.cancel("all evidence is in");
        found
    })
}
