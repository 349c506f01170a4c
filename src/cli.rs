//! What can be typed.

use builder_doctor::check::Layer;
use builder_doctor::checks;
use builder_doctor::diagnosis::Selection;
use builder_doctor::report::human::Detail;
use builder_doctor::report::paint::Paint;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::path::PathBuf;
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
    /// List every check
    List(LookArgs),
    /// Explain what a check means, and what to do when it fails
    Explain {
        /// The check's id, such as ssh-key-too-open
        id: String,
        #[command(flatten)]
        look: LookArgs,
    },
    /// Take what only root can see (run by --sudo)
    #[command(name = builder_doctor::evidence::root_view::HIDDEN_COMMAND, hide = true)]
    LookAsRoot { request: String },
}

#[derive(Debug, Args)]
pub struct CheckArgs {
    /// Print the report as JSON (the same as --format json)
    #[arg(long)]
    json: bool,
    /// How to print the report
    #[arg(long, value_enum, conflicts_with = "json")]
    format: Option<Format>,
    /// Make no test build
    #[arg(long, conflicts_with = "deep")]
    pub quick: bool,
    /// Build the expected installable (nixpkgs#hello) for each system as well
    #[arg(long)]
    pub deep: bool,
    /// Ask no binary cache
    #[arg(long)]
    pub offline: bool,
    /// Look once as root: at the VM's keys, disk and port, at the login as the daemon makes it, and into the VM
    #[arg(long)]
    pub sudo: bool,
    /// Report only these checks or layers
    #[arg(long, value_name = "ID|LAYER", value_delimiter = ',')]
    only: Vec<String>,
    /// Leave these checks or layers out
    #[arg(long, value_name = "ID|LAYER", value_delimiter = ',')]
    skip: Vec<String>,
    /// End with 1 for warnings, too
    #[arg(long)]
    strict: bool,
    /// Judge a saved report instead of this machine ("-" reads standard input)
    #[arg(long, value_name = "REPORT", conflicts_with_all = ["sudo", "quick", "deep", "offline"])]
    pub from: Option<PathBuf>,
    /// Replay a built-in saved machine: what the doctor says, without a Mac, Nix or a fault
    #[arg(long, value_name = "NAME", num_args = 0..=1, default_missing_value = "", require_equals = false,
          conflicts_with_all = ["from", "sudo", "quick", "deep", "offline"])]
    pub example: Option<String>,
    /// What to expect of the builder (default: builder-doctor.toml here or above, /etc, or built in)
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// End the whole look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time)]
    pub timeout: Duration,
    /// Show each check (-v), and each probe with its time (-vv)
    #[arg(short, long, action = clap::ArgAction::Count)]
    verbose: u8,
    #[command(flatten)]
    pub look: LookArgs,
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
pub enum Format {
    Human,
    Json,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Color {
    Auto,
    Always,
    Never,
}

fn time(text: &str) -> Result<Duration, String> {
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

impl CheckArgs {
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
