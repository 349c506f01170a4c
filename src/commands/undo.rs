//! `builder-doctor undo`: takes back what a fix did, the last one or one by its number.

use super::fix::{listed, with_menders};
use crate::cli::LookArgs;
use crate::{say, terminal, watched};
use builder_doctor::evidence::Wanted;
use builder_doctor::expectations::Expectations;
use builder_doctor::fix::journal::Listed;
use builder_doctor::fix::mend::Ask;
use builder_doctor::fix::plan::Plan;
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::report::mended::{Ending, MendReport, Mended, ended, render_json, step};
use clap::Args;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

#[derive(Debug, Args)]
#[command(after_help = "\
Works after a crash and after a reboot, too: each step stands in a journal that
was written before the step. Where a file was changed since, nothing is done,
and the file is named.

Exit codes: 0 undone · 2 wrong usage, or there is nothing to undo, or a file was
changed since · 4 something could not be taken back")]
pub struct UndoArgs {
    /// The fix's number, as `fix --list` has it (default: the last that can be undone)
    number: Option<u32>,
    /// Put files back that were changed since, too
    #[arg(long)]
    anyway: bool,
    /// Say which fix it would be, and change nothing
    #[arg(long, conflicts_with = "anyway")]
    dry_run: bool,
    /// Print what was done as JSON
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    look: LookArgs,
}

/// Takes back.
pub fn run(args: &UndoArgs) -> Result<ExitCode, String> {
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let host = Live::new(Duration::from_secs(30), Arc::clone(&interrupted));
    let all = listed(&host)?;
    let rows = all.all();
    let row: &Listed = match args.number {
        Some(number) => *rows
            .iter()
            .find(|it| it.number == number)
            .ok_or_else(|| format!("there is no fix {number}: `builder-doctor fix --list` names them all"))?,
        None => *rows.iter().rev().find(|it| it.state.can_be_undone()).ok_or("there is no fix to undo")?,
    };
    let paint = args.look.paint();
    if args.dry_run {
        let text = format!(
            "It would be fix {}, for {} ({}): {}.\nNothing was changed.\n",
            row.number,
            row.id,
            row.state.name(),
            row.title
        );
        return Ok(say(&text, 0));
    }
    let mut fix = Mended::of_listed(row);
    let of_root = all.of_root.contains(row);
    let tell = |text: &str| {
        if !args.json {
            let _ = terminal::print(text);
        }
    };
    let (number, anyway) = (row.number, args.anyway);
    let want = Expectations::default();
    let seen = watched(&host, &want, &Wanted::only(&["platform"])).0;
    with_menders(&seen.platform, &interrupted, |menders| {
        let ask = Ask::Undo { number, anyway };
        let outcome = menders.for_root(of_root).ask(ask, &mut |told| {
            tell(&step(&told, paint).unwrap_or_default());
            fix.note(&told);
        })?;
        fix.end(outcome);
        Ok(())
    })?;
    if fix.ending == Ending::RolledBack {
        fix.ending = Ending::Undone;
    }
    let ending = fix.ending;
    tell(&ended(&fix, paint));
    // The machine was not looked at.
    let report = MendReport::new(vec![fix], ending, "unknown", 0, Plan::default());
    Ok(match args.json {
        true => say(&render_json(&report), report.exit_code),
        false => ExitCode::from(report.exit_code),
    })
}
