//! What can be typed.

use crate::commands::{check::CheckArgs, explain::ExplainArgs, fix::FixArgs, why::WhyArgs};
use builder_doctor::report::paint::Paint;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::time::Duration;

/// Says why Linux builds fail on this Mac, and which command mends it.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 80)]
#[command(after_help = "\
Looks at Nix, its daemon, the machines file, launchd, ssh, the VM and the binary
caches, makes a test build that really runs on the builder, and names the one
cause. Looking changes nothing.

Exit codes: 0 no error · 1 an error was found · 2 wrong usage, or the report
cannot be read or written · 3 no error, but something on the way to a build
could not be told · 130 interrupted")]
pub struct Cli {
    #[command(subcommand)]
    pub topic: Option<Topic>,
    #[command(flatten)]
    pub check: CheckArgs,
}

#[derive(Debug, Subcommand)]
pub enum Topic {
    /// Diagnose this machine (the default)
    Check(CheckArgs),
    /// Show what would mend the causes by itself, step by step
    Fix(FixArgs),
    /// List every check, and every topic
    List(LookArgs),
    /// Explain a check, a topic, or what Nix, ssh, launchctl, QEMU or curl printed
    Explain(ExplainArgs),
    /// Say which machine takes a derivation, and why each other one does not
    Why(WhyArgs),
    /// Take what only root can see (run by --sudo)
    #[command(name = builder_doctor::evidence::root_view::HIDDEN_COMMAND, hide = true)]
    LookAsRoot { request: String },
}

#[derive(Debug, Args)]
pub struct LookArgs {
    /// When to colour
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN")]
    color: Color,
    /// Use no character outside ASCII
    #[arg(long)]
    ascii: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

pub fn time(text: &str) -> Result<Duration, String> {
    let time = humantime::parse_duration(text)
        .map_err(|error| format!("{error} (write it as \"90s\" or \"2m\")"))?;
    Ok(time.min(builder_doctor::expectations::LONGEST))
}

impl LookArgs {
    pub fn paint(&self) -> Paint {
        let mut paint = crate::terminal::paint();
        match self.color {
            Color::Auto => {}
            Color::Always => paint.colour = true,
            Color::Never => paint.colour = false,
        }
        paint.ascii |= self.ascii;
        paint
    }
}

/// "no check x; did you mean y?"
pub fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let names = builder_doctor::prose::and(&known);
    let near = known
        .into_iter()
        .map(|name| (strsim::jaro_winkler(word, name), name))
        .filter(|(likeness, _)| *likeness > 0.8)
        .max_by(|a, b| a.0.total_cmp(&b.0));
    match near {
        Some((_, name)) => format!("there is no {what} {word:?}; did you mean {name}?"),
        None if what == "example" => format!("there is no example {word:?}; there are {names}"),
        None => format!("there is no {what} {word:?}; builder-doctor list names them all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_near_miss_is_met_with_a_guess() {
        let known = ["ssh-key-missing", "machines-odd-fields"];
        let said = unknown("check", "ssh-key-mising", known.into_iter());
        assert_eq!(said, "there is no check \"ssh-key-mising\"; did you mean ssh-key-missing?");
        assert!(unknown("check", "xyz", known.into_iter()).ends_with("builder-doctor list names them all"));
    }
}
