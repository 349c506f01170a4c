//! `builder-doctor preflight`: whether this Mac can run the builder, before anything is touched.

use super::check::formats;
use crate::cli::{LOOK, LookArgs, PRINT, WHICH, time};
use crate::judged::Machine;
use crate::output::{self, Output, Place};
use crate::{USAGE, replay, terminal, watched};
use builder_doctor::checks::preflight;
use builder_doctor::diagnosis::Selection;
use builder_doctor::evidence::Wanted;
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::host::secrets::Secrets;
use builder_doctor::redact::{survivor, without_any_secret};
use builder_doctor::report::Timings;
use builder_doctor::report::format::{Format, render};
use builder_doctor::report::human::Detail;
use builder_doctor::report::purpose::Purpose;
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
pub struct PreflightArgs {
    /// Ask no binary cache
    #[arg(long, help_heading = LOOK)]
    offline: bool,
    /// What to expect of the builder
    #[arg(long, value_name = "FILE", help_heading = LOOK)]
    expect: Option<PathBuf>,
    /// End the look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time, help_heading = LOOK)]
    timeout: Duration,
    /// Judge a saved report ("-" reads standard input)
    #[arg(long, value_name = "REPORT", help_heading = WHICH, conflicts_with = "offline")]
    from: Option<PathBuf>,
    /// End with 1 for warnings, too
    #[arg(long, help_heading = PRINT)]
    strict: bool,
    /// Write the report to FILE, or FORMAT=FILE, as well
    #[arg(long, value_name = "FILE", value_parser = output::parse, help_heading = PRINT)]
    output: Vec<Output>,
    /// Print the report as JSON (as --format json)
    #[arg(long, help_heading = PRINT)]
    json: bool,
    /// How to print: human, short, json, markdown, ...
    #[arg(long, value_parser = formats(), conflicts_with = "json", help_heading = PRINT, hide_possible_values = true)]
    format: Option<Format>,
    /// Show each check (-v), each probe's time (-vv)
    #[arg(short, long, action = clap::ArgAction::Count, help_heading = PRINT)]
    verbose: u8,
    #[command(flatten)]
    look: LookArgs,
}

/// Looks, or reads a report; judges; prints.
pub fn run(args: &PreflightArgs) -> Result<ExitCode, String> {
    output::each_place_once(&args.output)?;
    let usual = if args.json { Format::Json } else { args.format.unwrap_or(Format::Human) };
    let mut outputs: Vec<(Format, Place)> = Vec::new();
    if !args.output.iter().any(|it| it.place == Place::Out) {
        outputs.push((usual, Place::Out));
    }
    outputs.extend(args.output.iter().map(|it| (it.format.unwrap_or(usual), it.place.clone())));
    let interrupted = Arc::new(Cancel::default());
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let mut saved = args.from.as_deref().map(replay::read_for_preflight).transpose()?;
    // Not before the report is read: until then a signal may end us as it ends every program.
    terminal::heed_signals(&interrupted)?;
    let told = saved.as_mut().map(|saved| std::mem::take(&mut saved.expectations));
    let want = replay::expected(&host, told, args.expect.as_deref())?;
    let (evidence, timings) = match &mut saved {
        Some(saved) => (std::mem::take(&mut saved.evidence), Timings::default()),
        None => {
            let offline = args.offline.then(|| "--offline: no cache was asked".to_owned());
            let wanted = Wanted { offline, ..Wanted::only(preflight::FACTS) };
            let from = builder_doctor::host::Host::clock(&host);
            let (evidence, probes) = watched(&host, &want, &wanted);
            let took = builder_doctor::host::Host::clock(&host).saturating_sub(from).as_millis();
            (evidence, Timings { total_ms: u64::try_from(took).unwrap_or(u64::MAX), probes })
        }
    };
    let selection = Selection { strict: args.strict, ..Selection::default() };
    let machine = Machine {
        purpose: Purpose::Preflight,
        want: &want,
        selection: &selection,
        timings: &timings,
        saved: saved.as_ref(),
        interrupted: interrupted.reason().is_some(),
        offers_fixes: false,
    };
    let own = machine.judged(without_any_secret(&evidence)?);
    let secrets = if saved.is_none() {
        Secrets::of_this_machine(&host, super::check::host_name())
    } else {
        Secrets::default()
    };
    let mut shared = None;
    if outputs.iter().any(|(format, _)| format.is_for_others()) {
        shared = Some(machine.for_others(&own, &secrets)?.0);
    }
    let detail = match args.verbose {
        0 => Detail::Findings,
        1 => Detail::Checks,
        _ => Detail::Probes,
    };
    let (mut code, mut written) = (0, true);
    for (format, place) in outputs {
        let redacted = format.is_for_others();
        let view = shared.as_ref().filter(|_| redacted).unwrap_or(&own);
        let mut report = machine.report(view);
        report.redacted = redacted;
        code = report.exit_code;
        let text = render(&report, format, args.look.paint(), detail);
        if let Some(fact) = survivor(&view.evidence, &want, &text, &secrets, redacted) {
            return Err(format!(
                "the report is not written: {fact} holds a secret or a name of this machine"
            ));
        }
        written &= output::write(&place, &text, if redacted { output::PUBLIC } else { output::OWN });
    }
    Ok(ExitCode::from(if written { code } else { USAGE }))
}
