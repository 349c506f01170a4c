//! `builder-doctor setup`: from a Mac with Nix to a verified Linux builder.

use crate::cli::{LookArgs, time};
use crate::setting_up;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Looks first, as preflight does; shows a plan, and asks. The configuration is
built before anything is touched. Root's part is kept in a journal, as that of a
fix is: what fails is taken back, and `undo` works later, too.

A flake's darwinConfigurations.NAME-bootstrap is set up first where the VM of
darwinConfigurations.NAME needs a Linux builder to be built.

Exit codes: 0 set up and verified, or so already · 1 something is in the way,
or you said no · 2 wrong usage, or it could not be built · 4 taken back, or
stuck · 130 interrupted, and taken back")]
pub struct SetupArgs {
    /// Another flake's configuration: PATH#NAME (default: this project's own)
    #[arg(long, value_name = "FLAKE")]
    pub flake: Option<String>,
    /// Show the plan, and change nothing
    #[arg(long, conflicts_with = "yes")]
    pub dry_run: bool,
    /// Ask nothing
    #[arg(long, short)]
    pub yes: bool,
    /// Wait no longer than this for the VM
    #[arg(long, value_name = "TIME", default_value = "5m", value_parser = time)]
    pub timeout: Duration,
    /// Ask no binary cache before
    #[arg(long)]
    pub offline: bool,
    /// What to expect of the builder (default: builder-doctor.toml here or above, /etc, or built in)
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    #[command(flatten)]
    pub look: LookArgs,
}

/// Sets up.
pub fn run(args: &SetupArgs) -> Result<ExitCode, String> {
    setting_up::run(args)
}
