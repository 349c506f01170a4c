//! `builder-doctor fix`: looks, plans, asks, carries out, verifies. With `--dry-run` it looks, or reads a report,
//! and shows the plan.

use super::check::CheckArgs;
use crate::by_root::ByRoot;
use crate::cli::{LookArgs, time, unknown};
use crate::mending::{Menders, Mending};
use crate::{replay, say, say_of, terminal, watched};
use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::evidence::{Probe, Wanted, fixes};
use builder_doctor::expectations::Expectations;
use builder_doctor::fix::hands::LiveHands;
use builder_doctor::fix::journal::Shelf;
use builder_doctor::fix::mend::Here;
use builder_doctor::fix::plan::{Choice, plan};
use builder_doctor::history;
use builder_doctor::host::change::LiveChanges;
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Host};
use builder_doctor::report::mended;
use builder_doctor::report::plan::{PlanReport, render, render_json};
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Mends the causes alone, one after the other, by what is safe: each is shown,
asked about, written into a journal, carried out, and verified by looking again,
up to a real test build. What did not help is taken back at once, and undo takes
back what did. What nix-darwin or Determinate writes is never touched: for that
the plan holds what to paste. sudo is asked for once, if a step needs root.

Exit codes: 0 mended, or nothing to mend · 1 something is left that is not
mended by itself, or was declined · 2 wrong usage, or nobody to ask · 3 no
fault, but something could not be told · 4 rolled back, or stuck · 130
interrupted")]
pub struct FixArgs {
    /// Show the plan, and change nothing
    #[arg(long)]
    dry_run: bool,
    /// Ask nothing, and do it
    #[arg(short, long, conflicts_with = "dry_run")]
    pub yes: bool,
    /// List the fixes that were carried out here
    #[arg(long, conflicts_with_all = ["dry_run", "yes", "from", "only", "allow", "quick", "offline", "sudo"])]
    list: bool,
    /// Plan for the machine of a saved report ("-" reads standard input)
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["sudo", "quick", "offline", "yes"])]
    from: Option<PathBuf>,
    /// Print the plan, or what was done, as JSON
    #[arg(long)]
    pub json: bool,
    /// Mend only what these checks found
    #[arg(long, value_name = "ID", value_delimiter = ',')]
    pub only: Vec<String>,
    /// Allow more than what is safe
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',')]
    pub allow: Vec<Allow>,
    /// Make no test build, also to verify
    #[arg(long)]
    pub quick: bool,
    /// Ask no binary cache
    #[arg(long)]
    pub offline: bool,
    /// Look as root, too
    #[arg(long)]
    pub sudo: bool,
    /// What to expect of the builder (default: builder-doctor.toml here or above, /etc, or built in)
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// End each look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time)]
    pub timeout: Duration,
    #[command(flatten)]
    pub look: LookArgs,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Allow {
    /// What ends running builds, or sets the VM's disk aside
    Disruptive,
    /// What changes a file of your own
    Ask,
}

impl FixArgs {
    /// What `check --fix` means.
    pub fn of_check(args: &CheckArgs) -> Result<Self, String> {
        let layer = args.only.iter().find(|word| !checks::all().iter().any(|check| check.id == *word));
        if let Some(layer) = layer {
            return Err(format!("--fix takes the ids of checks: {layer} is none"));
        }
        Ok(FixArgs {
            dry_run: false,
            yes: args.yes,
            list: false,
            from: None,
            json: args.json,
            only: args.only.clone(),
            allow: args.allow.clone(),
            quick: args.quick,
            offline: args.offline,
            sudo: args.sudo,
            expect: args.expect.clone(),
            timeout: args.timeout,
            look: args.look,
        })
    }

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

/// Mends, or plans, or lists.
pub fn run(args: &FixArgs) -> Result<ExitCode, String> {
    let choice = args.choice()?;
    if args.list {
        return list(args);
    }
    if args.from.is_some() && !args.dry_run {
        return Err(
            "a report is mended on the machine that it is of: add --dry-run to see the plan".to_owned()
        );
    }
    let saved = args.from.as_deref().map(replay::read).transpose()?;
    let here = saved.is_none();
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let (saved, want) = saved.map(|saved| (saved.evidence, saved.expectations)).unzip();
    let want = replay::expected(&host, want, args.expect.as_deref())?;
    let wanted = if here { wanted(args)? } else { Wanted::default() };
    let evidence = match saved {
        Some(evidence) => evidence,
        // The time of the look begins once sudo has its password.
        None => watched(&Live::new(args.timeout, Arc::clone(&interrupted)), &want, &wanted).0,
    };
    if interrupted.reason().is_some() {
        terminal::complain("interrupted: nothing was changed");
        return Ok(ExitCode::from(terminal::INTERRUPTED));
    }
    if !args.dry_run {
        return mend(args, &interrupted, &want, &wanted, &choice, evidence);
    }
    let diagnosis = diagnose(&checks::all(), &evidence, &want, &Selection::default());
    let plan = plan(&diagnosis, &evidence, &want, &choice);
    let report = PlanReport::new(&diagnosis, plan, here);
    let text = match args.json {
        true => render_json(&report),
        false if report.plan.is_empty() => render(&report, args.look.paint()),
        false => render(&report, args.look.paint()) + "\nThis is a plan: nothing was changed.\n",
    };
    say_of(here.then_some(&host), &text, report.exit_code)
}

fn mend(
    args: &FixArgs,
    interrupted: &Arc<Cancel>,
    want: &Expectations,
    wanted: &Wanted,
    choice: &Choice,
    evidence: builder_doctor::evidence::Evidence,
) -> Result<ExitCode, String> {
    let host = Live::new(super::mend_as_root::LONGEST, Arc::clone(interrupted));
    let platform = evidence.platform.clone();
    let mending = Mending {
        host: &host,
        want,
        wanted,
        choice,
        timeout: args.timeout,
        interrupted,
        yes: args.yes,
        silent: args.json,
        paint: args.look.paint(),
    };
    let report = with_menders(&platform, interrupted, |menders| mending.mend(evidence, menders))?;
    Ok(match args.json {
        true => say(&mended::render_json(&report), report.exit_code),
        false => ExitCode::from(report.exit_code),
    })
}

/// Whoever acts on this machine: this process as far as it may, and root.
pub fn with_menders<T>(
    platform: &Probe<builder_doctor::evidence::platform::Platform>,
    interrupted: &Arc<Cancel>,
    act: impl FnOnce(&mut Menders) -> Result<T, String>,
) -> Result<T, String> {
    let never = Arc::new(Cancel::default());
    let live = |stop: &Arc<Cancel>| Live::new(super::mend_as_root::LONGEST, Arc::clone(stop)).on_roots_path();
    let (ahead_host, back_host) = (live(interrupted), live(&never));
    let ahead = LiveHands { host: &ahead_host, change: &LiveChanges, stop: interrupted };
    let back = LiveHands { host: &back_host, change: &LiveChanges, stop: &never };
    let uid = rustix::process::geteuid();
    let shelf = match uid.is_root() {
        true => Shelf::of_root(&back_host, &LiveChanges),
        false => {
            let folder = history::folder_on(&back_host, platform, uid.as_raw());
            // Where there is no home, nothing of the user's own is mended either.
            Shelf::of_user(
                &back_host,
                &LiveChanges,
                &folder.unwrap_or_else(|_| Path::new("/nonexistent").into()),
            )
        }
    };
    let here = Here::new(&ahead, &back, &shelf, back_host.now());
    let mut menders = Menders {
        here: if uid.is_root() { here.with_eyes(&back_host) } else { here },
        by_root: ByRoot::new(&back_host, Arc::clone(interrupted)),
    };
    act(&mut menders)
}

fn list(args: &FixArgs) -> Result<ExitCode, String> {
    let host = Live::new(args.timeout, Arc::default());
    let all = listed(&host)?;
    let text = match args.json {
        true => {
            let rows = serde_json::to_string_pretty(&all).map_err(|error| error.to_string())?;
            format!("{rows}\n")
        }
        false => mended::list(&all.all(), args.look.paint()),
    };
    Ok(say(&text, 0))
}

/// The fixes that were carried out here.
pub fn listed(host: &Live) -> Result<fixes::Fixes, String> {
    let want = Expectations::default();
    let seen = watched(host, &want, &Wanted::only(&["platform", "fixes"])).0;
    seen.fixes().cloned().map_err(|missing| missing.because)
}

fn wanted(args: &FixArgs) -> Result<Wanted, String> {
    Ok(Wanted {
        no_builds: args.quick.then(|| "--quick: no test build was made".to_owned()),
        offline: args.offline.then(|| "--offline: no cache was asked".to_owned()),
        root: terminal::root_access(args.sudo)?,
        ..Wanted::default()
    })
}
