//! `builder-doctor wait`: until the builder answers.

use crate::cli::time;
use crate::control::{Builder, Which};
use crate::say;
use clap::Args;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
It answers when its sshd says its banner. `check --wait` waits until builds
work, which takes longer.

Exit codes: 0 it answers · 1 not in this time · 2 wrong usage · 130 interrupted")]
pub struct WaitArgs {
    /// Wait no longer than this
    #[arg(long, value_name = "TIME", default_value = "3m", value_parser = time)]
    timeout: Duration,
    #[command(flatten)]
    which: Which,
}

/// Waits.
pub fn run(args: &WaitArgs) -> Result<ExitCode, String> {
    let builder = Builder::look(&args.which)?;
    match builder.wait_for_banner(args.timeout) {
        Ok(took) => Ok(say(&format!("the builder answers, after {} s\n", took.as_secs()), 0)),
        Err(why) => Ok(builder.failed(&format!("the builder does not answer: {why}"))),
    }
}
