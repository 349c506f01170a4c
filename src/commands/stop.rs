//! `builder-doctor stop`: the builder stays off until it is started, after a reboot too.

use crate::cli::time;
use crate::control::{Builder, Which};
use crate::{say, terminal};
use builder_doctor::builder::control::{Order, steps};
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
It stays stopped after a reboot, and the doctor says who stopped it and when.
Where builds run on it, it asks first; without a terminal it wants --yes.

Exit codes: 0 it is stopped · 1 it is not · 2 wrong usage · 130 interrupted")]
pub struct StopArgs {
    /// End builds that run on it, without asking
    #[arg(long, short)]
    yes: bool,
    /// Wait until no build runs on it
    #[arg(long, conflicts_with = "yes")]
    when_idle: bool,
    /// Wait for builds no longer than this
    #[arg(long, value_name = "TIME", default_value = "1h", value_parser = time, requires = "when_idle")]
    timeout: Duration,
    #[command(flatten)]
    which: Which,
}

/// Stops it.
pub fn run(args: &StopArgs) -> Result<ExitCode, String> {
    let builder = Builder::look(&args.which)?;
    let marked = builder.e.stopped().is_ok_and(|it| it.mark.is_some());
    match steps(Order::Stop, &builder.e, &builder.want) {
        Err(why) => return Ok(builder.not_stopped(&why)),
        Ok(steps) if steps.is_empty() && marked => return Ok(say("the builder is stopped already\n", 0)),
        Ok(_) => {}
    }
    if args.when_idle {
        if !builder.wait_until_idle(args.timeout) {
            terminal::complain("builds still run on the builder, so it was not stopped");
            return Ok(builder.declined());
        }
    } else if !builder.may_end(args.yes, "--when-idle waits for them, ") {
        return Ok(builder.declined());
    }
    match builder.order(Order::Stop) {
        Ok(()) => Ok(say("the builder is stopped, and stays so until `builder-doctor start`\n", 0)),
        Err(why) => Ok(builder.not_stopped(&why)),
    }
}
