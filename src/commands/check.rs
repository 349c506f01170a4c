//! `builder-doctor check`: looks, or reads a report; judges; prints.

use super::fix::{Allow, FixArgs};
use super::fleet;
use crate::cli::{LOOK, LookArgs, OneOf, PRINT, WHICH, selectable, time, unknown};
use crate::judged::{Machine, View};
use crate::output::{self, Output, Place};
use crate::replay::{self, Replay};
use crate::waiting::Task;
use crate::{USAGE, terminal};
use builder_doctor::check::Layer;
use builder_doctor::checks;
use builder_doctor::diagnosis::Selection;
use builder_doctor::evidence::{Told, Wanted};
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::history;
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::host::secrets::Secrets;
use builder_doctor::redact::{survivor, without_any_secret};
use builder_doctor::report::format::{Format, render};
use builder_doctor::report::human::Detail;
use builder_doctor::report::paint::Paint;
use builder_doctor::report::purpose::Purpose;
use builder_doctor::report::timings::chart;
use builder_doctor::report::{Timings, jsonl};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Make no test build
    #[arg(long, conflicts_with = "deep", help_heading = LOOK)]
    pub quick: bool,
    /// Build nixpkgs#hello (or what is expected) as well
    #[arg(long, help_heading = LOOK)]
    pub deep: bool,
    /// Ask no binary cache
    #[arg(long, help_heading = LOOK)]
    pub offline: bool,
    /// Look once as root, and into the VM
    ///
    /// At the VM's keys, disk and port, and at the login as the daemon makes it.
    #[arg(long, help_heading = LOOK)]
    pub sudo: bool,
    /// What to expect of the builder
    ///
    /// Without it, builder-doctor.toml here or above, then /etc/builder-doctor.toml, then what is built in.
    #[arg(long, value_name = "FILE", help_heading = LOOK, hide_short_help = true)]
    pub expect: Option<PathBuf>,
    /// Look again until builds work, at most so long
    ///
    /// What changes is told on standard error, and the report of the last look is printed.
    #[arg(long, value_name = "TIME", value_parser = time, conflicts_with_all = ["from", "example"], help_heading = LOOK)]
    wait: Option<Duration>,
    /// Neither keep a healthy report, nor say what changed since
    #[arg(long, help_heading = LOOK, hide_short_help = true)]
    pub no_history: bool,
    /// End each look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time, help_heading = LOOK, hide_short_help = true)]
    pub timeout: Duration,
    /// Keep the real names in what is made for others
    ///
    /// For local use. Secrets are left out all the same.
    #[arg(long, conflicts_with = "show_redactions", help_heading = PRINT, hide_short_help = true)]
    no_redact: bool,
    /// Say which token stands for what
    ///
    /// On standard error, with how often it stands.
    #[arg(long, help_heading = PRINT, hide_short_help = true)]
    show_redactions: bool,
    /// Then mend what is safe to mend (as fix)
    #[arg(long, help_heading = LOOK, conflicts_with_all = ["from", "example", "wait", "deep", "skip", "strict", "output", "format",
          "no_redact", "show_redactions", "no_history", "timings", "verbose"])]
    pub fix: bool,
    /// With --fix: ask nothing, and do it
    #[arg(long, requires = "fix", help_heading = LOOK, hide_short_help = true)]
    pub yes: bool,
    /// With --fix: allow more than what is safe
    #[arg(long, value_enum, value_name = "WHAT", value_delimiter = ',', requires = "fix", help_heading = LOOK,
          hide_short_help = true)]
    pub allow: Vec<Allow>,
    /// Judge a saved report, or a folder of them
    ///
    /// "-" reads standard input: one report, or several one after the other.
    #[arg(long, value_name = "REPORT", help_heading = WHICH, conflicts_with_all = ["sudo", "quick", "deep", "offline"])]
    pub from: Option<PathBuf>,
    /// Replay a built-in saved machine
    ///
    /// What the doctor says, without a Mac, Nix or a fault.
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", require_equals = false,
          conflicts_with_all = ["from", "sudo", "quick", "deep", "offline"], help_heading = WHICH,
          value_parser = OneOf(replay::names), hide_possible_values = true)]
    pub example: Option<String>,
    /// Report only these checks or layers
    #[arg(long, value_name = "ID|LAYER", value_delimiter = ',', help_heading = PRINT,
          value_parser = OneOf(selectable), hide_possible_values = true)]
    pub only: Vec<String>,
    /// Leave these checks or layers out
    #[arg(long, value_name = "ID|LAYER", value_delimiter = ',', help_heading = PRINT,
          value_parser = OneOf(selectable), hide_possible_values = true)]
    skip: Vec<String>,
    /// End with 1 for warnings, too
    #[arg(long, help_heading = PRINT, hide_short_help = true)]
    strict: bool,
    /// Write the report to a file as well
    ///
    /// FILE, or FORMAT=FILE; without a name, the format is that of the file's extension (.txt .json .jsonl .md .xml
    /// .sarif .prom), else that of --format. Several are written at once, each whole or not at all; "-" is standard output.
    #[arg(long, value_name = "FILE", value_parser = output::parse, help_heading = PRINT)]
    output: Vec<Output>,
    /// Print the report as JSON (as --format json)
    #[arg(long, help_heading = PRINT)]
    pub json: bool,
    /// How to print: human, short, json, markdown, junit, ...
    ///
    /// human, short (one line), json, jsonl (events as they happen), markdown (the body of an issue), junit, sarif,
    /// github (annotations of GitHub Actions) or prometheus. human and short are for this machine's owner; in the others, tokens stand for the names of people and machines.
    #[arg(long, value_parser = formats(), conflicts_with = "json", help_heading = PRINT,
          hide_possible_values = true)]
    format: Option<Format>,
    /// Say what ran when, and what it waited for
    ///
    /// A chart on standard error; with --from, that of the run that took the evidence.
    #[arg(long, help_heading = PRINT, hide_short_help = true)]
    pub timings: bool,
    /// Show each check (-v), each probe's time (-vv)
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = PRINT)]
    verbose: u8,
    #[command(flatten)]
    pub look: LookArgs,
}

pub fn formats() -> impl TypedValueParser<Value = Format> {
    PossibleValuesParser::new(Format::ALL.map(Format::name))
        .try_map(|name| Format::named(&name).ok_or("there is no such format"))
}

impl CheckArgs {
    /// Where the report goes, and as what. Standard output has it as well, unless it is named.
    pub fn outputs(&self) -> Vec<(Format, Place)> {
        let mut all: Vec<(Format, Place)> = Vec::new();
        if !self.output.iter().any(|it| it.place == Place::Out) {
            all.push((self.format(), Place::Out));
        }
        let named = self.output.iter().map(|it| (it.format.unwrap_or(self.format()), it.place.clone()));
        all.extend(named);
        all
    }

    /// Whether standard output is to have events as they happen.
    fn streams(&self) -> bool {
        self.outputs().contains(&(Format::Jsonl, Place::Out))
    }

    fn redacts(&self, format: Format) -> bool {
        format.is_for_others() && !self.no_redact
    }

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

    pub fn is_verbose(&self) -> bool {
        self.verbose > 0
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
    if args.fix {
        return super::fix::run(&FixArgs::of_check(args)?);
    }
    let selection = args.selection()?;
    output::each_place_once(&args.output)?;
    let interrupted = Arc::new(Cancel::default());
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let saved = match replay::given(args, &host)? {
        Some(Replay::Many(source)) => {
            let named = args.expect.as_deref();
            let want = named.map(|named| expectations::find(&host, Some(named))).transpose()?;
            return fleet::run(args, &host, *source, want.as_ref(), &selection);
        }
        Some(Replay::One(saved)) => Some(*saved),
        None => None,
    };
    // Not before the report is read: until then a signal may end us as it ends every program.
    terminal::heed_signals(&interrupted)?;
    let expected = |saved: Option<Expectations>| replay::expected(&host, saved, args.expect.as_deref());
    let live = saved.is_none();
    let hears = |fact: &'static str, state: &'static str, ms: u64| {
        // A reader that has gone away wanted no more.
        let _ = terminal::print(&jsonl::Event::Fact { fact, state, ms: Some(ms) }.line());
    };
    let told: Option<Told> = (live && args.wait.is_none() && args.streams()).then_some(&hears);
    let (saved, evidence, want, timings) = if let Some(mut saved) = saved {
        let want = expected(Some(std::mem::take(&mut saved.expectations)))?;
        let evidence = std::mem::take(&mut saved.evidence);
        (Some(saved), evidence, want, Timings::default())
    } else {
        let want = expected(None)?;
        let wanted = wanted(args, &selection)?;
        let (selection, timeout) = (&selection, args.timeout);
        let task = Task { want: &want, wanted: &wanted, selection, timeout, interrupted: &interrupted, told };
        if told.is_some() {
            let _ = terminal::print(&jsonl::start());
        }
        let (evidence, timings) = match args.wait {
            Some(most) => task.look_until_green(most, args.look.paint().arrow()),
            None => task.look(),
        };
        (None, evidence, want, timings)
    };
    let machine = Machine {
        purpose: Purpose::Check,
        want: &want,
        selection: &selection,
        timings: &timings,
        // What is built in speaks for itself.
        saved: saved.as_ref().filter(|_| args.from.is_some()),
        interrupted: interrupted.reason().is_some(),
        offers_fixes: live && terminal::is_watched(),
    };
    let mut own = machine.judged(without_any_secret(&evidence)?);
    let secrets = if live { Secrets::of_this_machine(&host, host_name()) } else { Secrets::default() };
    if live && !args.no_history {
        remember(args, &host, &machine, &mut own, &secrets);
    }
    let outputs = args.outputs();
    let charted = args.timings.then(|| {
        // Standard error may be a file where standard output is a terminal.
        let paint = Paint { colour: false, ..args.look.paint() };
        chart(saved.as_ref().map_or(&timings, |saved| &saved.timings), paint)
    });
    let mut shared = None;
    if outputs.iter().any(|(format, _)| args.redacts(*format)) || args.show_redactions {
        let (view, redactions) = machine.for_others(&own, &secrets)?;
        if args.show_redactions {
            terminal::show_redactions(&redactions);
        }
        shared = Some(view);
    }
    let (mut code, mut written, mut refused) = (0, true, None);
    for (format, place) in outputs {
        let redacted = args.redacts(format);
        let view = shared.as_ref().filter(|_| redacted).unwrap_or(&own);
        let mut report = machine.report(view);
        report.redacted = redacted;
        let text = match format {
            Format::Jsonl if told.is_some() && place == Place::Out => jsonl::judged(&report),
            _ => render(&report, format, args.look.paint(), args.detail()),
        };
        code = report.exit_code;
        if let Some(fact) = survivor(&view.evidence, &want, &text, &secrets, redacted) {
            refused =
                Some(format!("the report is not written: {fact} holds a secret or a name of this machine"));
        } else {
            written &= output::write(&place, &text, if redacted { output::PUBLIC } else { output::OWN });
        }
    }
    if let Some(chart) = charted {
        terminal::tell_beside(&chart);
    }
    // What was not written outranks every verdict.
    refused.map_or(Ok(ExitCode::from(if written { code } else { USAGE })), Err)
}

/// Keeps what a healthy machine is; where it is not, finds what it was. No trouble with it ends a run.
fn remember(args: &CheckArgs, host: &Live, machine: &Machine, own: &mut View, secrets: &Secrets) {
    let uid = rustix::process::geteuid().as_raw();
    let whole = args.only.is_empty() && args.skip.is_empty();
    let outcome = history::folder(host, &own.evidence, uid).and_then(|folder| {
        let report = machine.report(own);
        if history::is_worth_keeping(&report) {
            if let Some(fact) = survivor(&own.evidence, machine.want, "", secrets, false) {
                return Err(format!("nothing is kept: {fact} holds a secret"));
            }
            return if whole { history::keep(host, &folder, uid, &report) } else { Ok(()) };
        }
        let fell_ill = report.verdict != "healthy" && !report.interrupted;
        if let Some(before) = fell_ill.then(|| history::read(host, &folder, uid)).transpose()?.flatten() {
            machine.compare(own, before);
        }
        Ok(())
    });
    if let Err(why) = outcome
        && args.verbose > 0
    {
        terminal::complain(&format!("history: {why}"));
    }
}

/// What this machine calls itself; looked for in what is written, and no evidence.
pub fn host_name() -> Option<String> {
    let name = rustix::system::uname().nodename().to_str().ok()?.to_owned();
    (!name.is_empty()).then_some(name)
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
    let root = terminal::root_access(args.sudo)?;
    let word = |why: Option<&str>| why.map(str::to_owned);
    Ok(Wanted {
        no_builds: word(no_builds),
        offline: word(offline),
        deep: args.deep,
        root,
        ..Wanted::default()
    })
}
