//! `builder-doctor restart`: ends the builder if it runs, starts it, and waits until it answers.

use super::start::bring_up;
use crate::cli::time;
use crate::control::{Builder, Which};
use builder_doctor::builder::control::Order;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Where builds run on it, it asks first; without a terminal it wants --yes.

Exit codes: 0 it answers · 1 it was not restarted, or does not answer in time
2 wrong usage · 130 interrupted")]
pub struct RestartArgs {
    /// End builds that run on it, without asking
    #[arg(long, short)]
    yes: bool,
    /// Do not wait until it answers
    #[arg(long)]
    no_wait: bool,
    /// Wait no longer than this
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = time)]
    timeout: Duration,
    #[command(flatten)]
    which: Which,
}

/// Restarts it.
pub fn run(args: &RestartArgs) -> Result<ExitCode, String> {
    let builder = Builder::look(&args.which)?;
    if !builder.may_end(args.yes, "") {
        return Ok(builder.declined());
    }
    bring_up(&builder, Order::Restart, (!args.no_wait).then_some(args.timeout))
}
