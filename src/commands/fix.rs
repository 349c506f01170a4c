//! `builder-doctor fix`: looks, or reads a report; plans; shows the plan.

use crate::cli::{LookArgs, time, unknown};
use crate::{replay, say, terminal, watched};
use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::evidence::{RootAccess, Wanted};
use builder_doctor::expectations;
use builder_doctor::fix::plan::{Choice, plan};
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::report::plan::{PlanReport, render, render_json};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Plans for the causes alone, by what is safe. What nix-darwin or Determinate
writes is never touched: for that the plan holds what to paste.

Exit codes: 0 there is a plan, or nothing to mend · 1 something is to be mended,
and nothing that is allowed does it · 2 wrong usage, or the report cannot be read
or written · 3 no fault, but something could not be told · 130 interrupted")]
pub struct FixArgs {
    /// Show the plan, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Plan for the machine of a saved report ("-" reads standard input)
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["sudo", "quick", "offline"])]
    from: Option<PathBuf>,
    /// Print the plan as JSON
    #[arg(long)]
    json: bool,
    /// Mend only what these checks found
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    only: Vec<String>,
    /// Allow more than what is safe
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    allow: Vec<Allow>,
    /// Make no test build
    #[arg(long)]
    quick: bool,
    /// Ask no binary cache
    #[arg(long)]
    offline: bool,
    /// Look once as root
    #[arg(long)]
    sudo: bool,
    /// What to expect of the builder (default: builder-doctor.toml here or above, /etc, or built in)
    #[arg(long, value_name = "FILE")]
    expect: Option<PathBuf>,
    /// End the look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time)]
    timeout: Duration,
    #[command(flatten)]
    look: LookArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Allow {
    /// What ends running builds, or sets the VM's disk aside
    Disruptive,
    /// What changes a file of your own
    Ask,
}

impl FixArgs {
    fn choice(&self) -> Result<Choice, String> {
        let all = checks::all();
        for word in &self.only {
            if !all.iter().any(|check| check.id == word) {
                return Err(unknown("check", word, all.iter().map(|check| check.id)));
            }
        }
        let has = |what| self.allow.contains(&what);
        Ok(Choice { disruptive: has(Allow::Disruptive), ask: has(Allow::Ask), only: self.only.clone() })
    }
}

/// Plans.
pub fn run(args: &FixArgs) -> Result<ExitCode, String> {
    if !args.dry_run {
        return Err("fix shows its plan and applies nothing: add --dry-run".to_owned());
    }
    let choice = args.choice()?;
    let saved = args.from.as_deref().map(replay::read).transpose()?;
    let here = saved.is_none();
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let (evidence, want) = match saved {
        Some(saved) => {
            let want = match &args.expect {
                Some(named) => expectations::find(&host, Some(named))?,
                None => saved.expectations,
            };
            (saved.evidence, want)
        }
        None => {
            let want = expectations::find(&host, args.expect.as_deref())?;
            let (evidence, _) = watched(&host, &want, &wanted(args)?);
            (evidence, want)
        }
    };
    if interrupted.reason().is_some() {
        terminal::complain("interrupted: there is no plan");
        return Ok(ExitCode::from(terminal::INTERRUPTED));
    }
    let diagnosis = diagnose(&checks::all(), &evidence, &want, &Selection::default());
    let plan = plan(&diagnosis, &evidence, &want, &choice);
    let report = PlanReport::new(&diagnosis, plan, here);
    let text = if args.json { render_json(&report) } else { render(&report, args.look.paint()) };
    Ok(say(&text, report.exit_code))
}

fn wanted(args: &FixArgs) -> Result<Wanted, String> {
    let root = match () {
        () if rustix::process::geteuid().is_root() => RootAccess::Already,
        () if args.sudo => {
            terminal::ask_for_sudo()?;
            RootAccess::Sudo
        }
        () => RootAccess::No,
    };
    Ok(Wanted {
        no_builds: args.quick.then(|| "--quick: no test build was made".to_owned()),
        offline: args.offline.then(|| "--offline: no cache was asked".to_owned()),
        root,
        ..Wanted::default()
    })
}
