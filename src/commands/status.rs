//! `builder-doctor status`: what the builder is doing.

use crate::control::{Builder, Which};
use crate::{say_of, terminal};
use builder_doctor::builder::status::Status;
use builder_doctor::host::Host;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Looks only, and needs no root. What cannot be told is said, and null in JSON.

Exit codes: 0 it answers, or launchd starts it when a build comes · 1 it does
not run, or does not answer yet · 2 wrong usage · 3 it cannot be told · 130
interrupted")]
pub struct StatusArgs {
    /// Print it as JSON, with a schema_version
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    which: Which,
}

/// Tells.
pub fn run(args: &StatusArgs) -> Result<ExitCode, String> {
    let builder = Builder::look(&args.which)?;
    let host = builder.host(Duration::from_secs(20));
    let status = Status::of(&host, &builder.e, &builder.want);
    if builder.interrupted.reason().is_some() {
        return Ok(ExitCode::from(terminal::INTERRUPTED));
    }
    let text = if args.json { status.json() } else { status.human(host.now()) };
    say_of(Some(&host), &text, status.exit_code())
}
