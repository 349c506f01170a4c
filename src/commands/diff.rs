//! `builder-doctor diff`: two reports, or one and the machine as it is, or the last healthy run and that.

use crate::cli::{LookArgs, time};
use crate::{replay, say_of, terminal, watched};
use builder_doctor::checks;
use builder_doctor::diagnosis::{Diagnosis, Selection, diagnose};
use builder_doctor::drift::{self, Side};
use builder_doctor::evidence::{Evidence, Wanted};
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::history;
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::report::diff::{Looked, Page};
use builder_doctor::report::json::Saved;
use builder_doctor::report::{Report, Timings};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Says what changed between two reports, or since this machine was last healthy.
#[derive(Debug, Args)]
#[command(after_help = "\
builder-doctor diff                       since the last healthy run of this Mac
builder-doctor diff before.json           from a report to this machine now
builder-doctor diff before.json now.json  from one report to another

Both are judged by today's checks. What one of the two did not look at is no
change.

Exit codes: 0 the same · 1 something changed · 2 wrong usage, or a report
cannot be read · 130 interrupted")]
pub struct DiffArgs {
    /// The earlier report ("-" reads standard input; default: the last healthy run)
    #[arg(value_name = "BEFORE")]
    before: Option<PathBuf>,
    /// The later report ("-" reads standard input; default: this machine, now)
    #[arg(value_name = "AFTER")]
    after: Option<PathBuf>,
    /// Where this machine is looked at: make no test build
    #[arg(long, conflicts_with = "after")]
    quick: bool,
    /// Where this machine is looked at: end the look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time)]
    timeout: Duration,
    /// Print it as JSON
    #[arg(long)]
    json: bool,
    /// Show changes of little account, too
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    look: LookArgs,
}

/// One of the two, read or taken.
struct Found {
    evidence: Evidence,
    expectations: Expectations,
    version: String,
    source: String,
}

impl Found {
    fn of(saved: Saved, source: &str) -> Self {
        let source = builder_doctor::prose::line(source);
        Found {
            evidence: saved.evidence,
            expectations: saved.expectations,
            version: saved.tool.version,
            source,
        }
    }

    fn read(path: &Path) -> Result<Self, String> {
        let source = if path.as_os_str() == "-" { "standard input".into() } else { path.to_string_lossy() };
        replay::read(path).map(|saved| Found::of(saved, &source))
    }

    fn diagnosis(&self) -> Diagnosis {
        diagnose(&checks::all(), &self.evidence, &self.expectations, &Selection::default())
    }

    fn report<'a>(&'a self, diagnosis: &'a Diagnosis) -> Report<'a> {
        Report::new(diagnosis, &self.evidence, &self.expectations, Timings::default())
    }

    fn side(&self) -> Side<'_> {
        Side { evidence: &self.evidence, expectations: &self.expectations, version: &self.version }
    }
}

/// Compares.
pub fn run(args: &DiffArgs) -> Result<ExitCode, String> {
    let is_input = |path: &Option<PathBuf>| path.as_deref().is_some_and(|it| it.as_os_str() == "-");
    if is_input(&args.before) && is_input(&args.after) {
        return Err("standard input can be one of the two reports, and not both".to_owned());
    }
    let before = args.before.as_deref().map(Found::read).transpose()?;
    let after = args.after.as_deref().map(Found::read).transpose()?;
    let interrupted = Arc::new(Cancel::default());
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let looks = after.is_none();
    let (before, after) = match (before, after) {
        (Some(before), Some(after)) => (before, after),
        (before, _) => {
            let before = before.map_or_else(|| last_healthy(&host), Ok)?;
            terminal::heed_signals(&interrupted)?;
            (before, now(&host, args.quick)?)
        }
    };
    // What an interrupted look did not come to is no change.
    if interrupted.reason().is_some() {
        terminal::complain("interrupted: nothing is compared");
        return Ok(ExitCode::from(terminal::INTERRUPTED));
    }
    let (was, is) = (before.diagnosis(), after.diagnosis());
    let (was_report, is_report) = (before.report(&was), after.report(&is));
    let mut found = drift::between(&before.side(), &after.side());
    drift::attribute(&mut found.changes, &before.side(), &after.side(), &is);
    let looked = |report: &Report, it: &Found| Looked::new(report, it.source.clone(), &it.version);
    let page = Page::new(
        (&was_report, looked(&was_report, &before)),
        (&is_report, looked(&is_report, &after)),
        found,
    );
    let text = if args.json { page.json() } else { page.human(args.look.paint(), args.verbose) };
    say_of(looks.then_some(&host), &text, page.exit_code())
}

/// The last healthy run of this machine. Where its folder is depends on what machine this is, and on no more.
fn last_healthy(host: &Live) -> Result<Found, String> {
    let uid = rustix::process::geteuid().as_raw();
    let (platform, _) = watched(host, &Expectations::default(), &Wanted::only(&["platform"]));
    let folder = history::folder(host, &platform, uid)?;
    let saved = history::read(host, &folder, uid)?.ok_or_else(|| {
        format!("no healthy run of this machine is kept in {}; name a report", folder.display())
    })?;
    Ok(Found::of(saved, "the last healthy run"))
}

/// This machine as it is.
fn now(host: &Live, quick: bool) -> Result<Found, String> {
    let expectations = expectations::find(host, None)?;
    let root = terminal::root_access(false)?;
    let no_builds = quick.then(|| "--quick: no test build was made".to_owned());
    let (evidence, _) = watched(host, &expectations, &Wanted { no_builds, root, ..Wanted::default() });
    let version = env!("CARGO_PKG_VERSION").to_owned();
    Ok(Found { evidence, expectations, version, source: "this machine".to_owned() })
}
