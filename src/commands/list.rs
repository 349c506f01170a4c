//! `builder-doctor list`: every check, then every topic; or those that match some words.

use crate::cli::{LookArgs, PRINT};
use crate::say;
use builder_doctor::report::list;
use builder_doctor::topics::Topic;
use builder_doctor::{checks, topics};
use clap::Args;
use std::process::ExitCode;

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  builder-doctor list              every check, and every topic
  builder-doctor list ssh          what has to do with ssh
  builder-doctor list guest root   what in the VM only --sudo can find
  builder-doctor list --json | jq -r '.checks[] | select(.has_fix) | .id'

Exit codes: 0 something is listed · 2 nothing matches, or wrong usage")]
pub struct ListArgs {
    /// List only what has these words in its id, layer, severity, needs or title
    #[arg(value_name = "WORD")]
    words: Vec<String>,
    /// Print it as JSON, with each title
    #[arg(long, help_heading = PRINT)]
    json: bool,
    #[command(flatten)]
    look: LookArgs,
}

/// Lists.
pub fn run(args: &ListArgs) -> Result<ExitCode, String> {
    let paint = args.look.paint();
    let rows = list::rows(&checks::all(), &args.words);
    let matches = |topic: &&Topic| {
        let text = format!("{} {}", topic.id, topic.title).to_lowercase();
        args.words.iter().all(|word| text.contains(&word.to_lowercase()))
    };
    let topics: Vec<&'static Topic> = topics::ALL.iter().copied().filter(|it| matches(it)).collect();
    if rows.is_empty() && topics.is_empty() {
        return Err(format!("nothing in the list matches {:?}", args.words.join(" ")));
    }
    if args.json {
        return Ok(say(&list::as_json(&rows, &topics), 0));
    }
    let mut parts = Vec::new();
    if !rows.is_empty() {
        parts.push(list::checks(&rows, paint));
    }
    if !topics.is_empty() {
        parts.push(list::topics(&topics, paint));
    }
    parts.push(list::legend(paint));
    let text: Vec<&str> = parts.iter().map(|part| part.trim_end()).collect();
    Ok(say(&format!("{}\n", text.join("\n\n")), 0))
}
