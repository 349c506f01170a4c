//! `builder-doctor explain`: an id's page, or the faults that pasted output names.

use crate::cli::{self, LookArgs, OneOf, PRINT};
use crate::{say, terminal};
use builder_doctor::host::HostError;
use builder_doctor::host::live::{BothEnds, read_both_ends};
use builder_doctor::report::{self, explain};
use builder_doctor::symptoms::{self, Paste};
use builder_doctor::topics::{self, Subject};
use clap::Args;
use std::ffi::OsString;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Output is pasted, or piped: nix build 2>&1 | builder-doctor explain -
The faults that it names are told with the line that names them, the most
telling first. This machine is not looked at.

Exit codes: 0 it is explained, or names no fault that is known · 2 wrong
usage, or there is nothing to explain")]
pub struct ExplainArgs {
    /// A check's or a topic's id, such as ssh-key-too-open; "-" reads output
    /// from standard input
    #[arg(value_name = "ID|-", required_unless_present = "text", value_parser = OneOf(cli::subjects), hide_possible_values = true)]
    pub id: Option<String>,
    /// Explain this output
    #[arg(long, value_name = "OUTPUT", conflicts_with = "id", allow_hyphen_values = true)]
    pub text: Option<OsString>,
    /// Print it as JSON
    #[arg(long, help_heading = PRINT)]
    pub json: bool,
    #[command(flatten)]
    pub look: LookArgs,
}

/// Explains.
pub fn run(args: &ExplainArgs) -> Result<ExitCode, String> {
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
