//! The command line: what was typed, made into what it means; the only place that prints.

mod ask;
mod cli;
mod replay;
mod terminal;

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::evidence::root_view::{Errand, look_as_root};
use builder_doctor::evidence::{Evidence, Progress, RootAccess, Timing, Wanted, gather};
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::host::live::{BothEnds, Live, read_both_ends};
use builder_doctor::host::{Cancel, Host, HostError};
use builder_doctor::report::paint::Paint;
use builder_doctor::report::{self, Report, Timings, explain, human, json, list};
use builder_doctor::symptoms::{self, Paste};
use builder_doctor::topics::{self, Subject};
use clap::Parser;
use cli::{CheckArgs, Cli, ExplainArgs, Format, Topic};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// The exit code of what the user has to put right in the call itself.
const USAGE: u8 = 2;

fn main() -> ExitCode {
    let cli = Cli::parse();
    let ended = match cli.topic {
        None => check(&cli.check),
        Some(Topic::Check(args)) => check(&args),
        Some(Topic::List(args)) => Ok(say(&listed(args.paint()), 0)),
        Some(Topic::Explain(args)) => explained(&args),
        Some(Topic::Why(args)) => ask::run(&args),
        Some(Topic::LookAsRoot { request }) => look(&request),
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

/// Every check, then every topic.
fn listed(paint: Paint) -> String {
    format!(
        "{}\n\n{}\n",
        list::checks(&checks::all(), paint).trim_end(),
        list::topics(topics::ALL, paint).trim_end()
    )
}

fn explained(args: &ExplainArgs) -> Result<ExitCode, String> {
    let paint = args.look.paint();
    let (text, source) = match (&args.text, args.id.as_deref()) {
        (Some(text), _) => (BothEnds::of(text.as_encoded_bytes(), symptoms::MOST), "--text"),
        (None, Some("-")) => {
            terminal::ask_for_a_paste();
            let read = read_both_ends(symptoms::MOST)
                .map_err(|error| format!("standard input: {}", HostError::from(error)))?;
            (read, "standard input")
        }
        (None, id) => {
            let id = id.unwrap_or_default();
            let subject =
                Subject::find(id).ok_or_else(|| cli::unknown("check or topic", id, topics::ids()))?;
            let page = if args.json { explain::page_as_json(subject) } else { explain::page(subject, paint) };
            return Ok(say(&page, 0));
        }
    };
    let paste = Paste::new(&String::from_utf8_lossy(&text.bytes));
    if paste.is_empty() {
        return Err(format!("{source}: there is nothing to explain"));
    }
    let named = symptoms::find(&paste);
    let answer = match args.json {
        true => report::symptoms::as_json(&named, text.cut),
        false => report::symptoms::render(&named, text.cut, paint),
    };
    Ok(say(&answer, 0))
}

/// The hidden command that `--sudo` runs.
fn look(request: &str) -> Result<ExitCode, String> {
    let errand: Errand = serde_json::from_str(request).map_err(|error| format!("the request: {error}"))?;
    if !errand.is_sane() {
        return Err("the request holds characters that are not safe to hand to root".to_owned());
    }
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    terminal::heed_end_of_input(&interrupted);
    let view = look_as_root(&Live::new(Duration::from_secs(25), interrupted), &errand);
    let text = serde_json::to_string(&view).map_err(|error| error.to_string())?;
    Ok(say(&text, 0))
}

fn check(args: &CheckArgs) -> Result<ExitCode, String> {
    let selection = args.selection()?;
    let saved = replay::saved(args)?;
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
        let (evidence, probes) = watched(&host, &want, &wanted);
        let total = u64::try_from(host.clock().as_millis()).unwrap_or(u64::MAX);
        (evidence, want, Timings { total_ms: total, probes })
    };
    let diagnosis = diagnose(&checks::all(), &evidence, &want, &selection);
    let mut report = Report::new(&diagnosis, &evidence, &want, timings);
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

/// Gathers, and names the slowest probe on a terminal while it does.
fn watched(host: &Live, want: &Expectations, wanted: &Wanted) -> (Evidence, Vec<Timing>) {
    let progress = Progress::default();
    let over = Cancel::default();
    std::thread::scope(|scope| {
        scope.spawn(|| terminal::show_progress(host, &progress, &over));
        let found = gather(host, want, wanted, &progress);
        over.cancel("all evidence is in");
        found
    })
}
