//! `builder-doctor check`: looks, or reads a report; judges; prints.

use crate::cli::{LookArgs, time, unknown};
use crate::waiting::Task;
use crate::{replay, say, terminal};
use builder_doctor::check::Layer;
use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::evidence::{RootAccess, Wanted};
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::report::human::Detail;
use builder_doctor::report::{Report, Timings, human, json};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print the report as JSON (the same as --format json)
    #[arg(long)]
    json: bool,
    /// How to print the report
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Format>,
    /// Make no test build
    #[arg(long, conflicts_with = "deep")]
    pub quick: bool,
    /// Build the expected installable (nixpkgs#hello) for each system as well
    #[arg(long)]
    pub deep: bool,
    /// Ask no binary cache
    #[arg(long)]
    pub offline: bool,
    /// Look once as root: at the VM's keys, disk and port, at the login as the daemon makes it, and into the VM
    #[arg(long)]
    pub sudo: bool,
    /// Report only these checks or layers
    #[arg(long, value_name = "ID|LAYER", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave these checks or layers out
    #[arg(long, value_name = "ID|LAYER", value_delimiter = ',')]
    skip: Vec<String>,
    /// End with 1 for warnings, too
    #[arg(long)]
    strict: bool,
    /// Judge a saved report instead of this machine ("-" reads standard input)
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["sudo", "quick", "deep", "offline"])]
    pub from: Option<PathBuf>,
    /// Replay a built-in saved machine: what the doctor says, without a Mac, Nix or a fault
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", require_equals = false,
          conflicts_with_all = ["from", "sudo", "quick", "deep", "offline"])]
    pub example: Option<String>,
    /// What to expect of the builder (default: builder-doctor.toml here or above, /etc, or built in)
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// End each look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time)]
    pub timeout: Duration,
    /// Look again until builds work, at most so long; what changes is told on standard error
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["from", "example"])]
    wait: Option<Duration>,
    /// Show each check (-v), and each probe with its time (-vv)
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(flatten)]
    pub look: LookArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Format {
    Human,
    Json,
}

impl CheckArgs {
    pub fn format(&self) -> Format {
        if self.json { Format::Json } else { self.format.unwrap_or(Format::Human) }
    }

    pub fn detail(&self) -> Detail {
        match self.verbose {
            0 => Detail::Findings,
            1 => Detail::Checks,
            _ => Detail::Probes,
        }
    }

    pub fn selection(&self) -> Result<Selection, String> {
        let all = checks::all();
        for word in self.only.iter().chain(&self.skip) {
            let names = || all.iter().map(|it| it.id).chain(Layer::ALL.map(Layer::name));
            if !names().any(|name| name == word) {
                return Err(unknown("check or layer", word, names()));
            }
        }
        Ok(Selection { only: self.only.clone(), skip: self.skip.clone(), strict: self.strict })
    }
}

/// Diagnoses.
pub fn run(args: &CheckArgs) -> Result<ExitCode, String> {
    let selection = args.selection()?;
    let saved = replay::saved(args)?;
    let offers_fixes = saved.is_none() && terminal::is_watched();
    // Not before the report is read: until then a signal may end us as it ends every program.
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let expected = |saved: Option<Expectations>| match (saved, &args.expect) {
        (Some(saved), None) => Ok(saved),
        (_, named) => expectations::find(&host, named.as_deref()),
    };
    let (evidence, want, timings) = if let Some(saved) = saved {
        (saved.evidence, expected(Some(saved.expectations))?, Timings::default())
    } else {
        let want = expected(None)?;
        let wanted = wanted(args, &selection)?;
        let (selection, timeout) = (&selection, args.timeout);
        let task = Task { want: &want, wanted: &wanted, selection, timeout, interrupted: &interrupted };
        let (evidence, timings) = match args.wait {
            Some(most) => task.look_until_green(most, args.look.paint().arrow()),
            None => task.look(),
        };
        (evidence, want, timings)
    };
    let diagnosis = diagnose(&checks::all(), &evidence, &want, &selection);
    let mut report = Report::new(&diagnosis, &evidence, &want, timings);
    report.offers_fixes = offers_fixes;
    if interrupted.reason().is_some() {
        report.interrupted = true;
        report.exit_code = terminal::INTERRUPTED;
    }
    let text = match args.format() {
        Format::Json => json::render(&report),
        Format::Human => human::render(&report, args.look.paint(), args.detail()),
    };
    Ok(say(&text, report.exit_code))
}

/// What was typed, as the evidence to take.
fn wanted(args: &CheckArgs, selection: &Selection) -> Result<Wanted, String> {
    let takes = |layer: &str| checks::all().iter().any(|it| it.layer.name() == layer && selection.takes(it));
    let no_builds = match () {
        () if args.quick => Some("--quick: no test build was made"),
        () if !takes("build") => Some("no check of the test build was selected"),
        () => None,
    };
    let offline = match () {
        () if args.offline => Some("--offline: no cache was asked"),
        () if !takes("cache") => Some("no check of the caches was selected"),
        () => None,
    };
    let root = match () {
        () if rustix::process::geteuid().is_root() => RootAccess::Already,
        () if args.sudo => {
            terminal::ask_for_sudo()?;
            RootAccess::Sudo
        }
        () => RootAccess::No,
    };
    let word = |why: Option<&str>| why.map(str::to_owned);
    Ok(Wanted { no_builds: word(no_builds), offline: word(offline), deep: args.deep, root, only: &[] })
}
