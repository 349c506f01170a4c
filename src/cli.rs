//! What can be typed.

use builder_doctor::check::Layer;
use builder_doctor::checks;
use builder_doctor::diagnosis::Selection;
use builder_doctor::expectations::Expectations;
use builder_doctor::parse::derivation::Required;
use builder_doctor::report::human::Detail;
use builder_doctor::report::paint::Paint;
use builder_doctor::report::why::From;
use clap::{Args, Parser, Subcommand, ValueEnum};
use std::ffi::OsString;
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

/// Says which machine takes a derivation, and why each other one does not.
#[derive(Debug, Args)]
#[command(after_help = "\
Makes Nix's own decision again, out of its settings and the list of machines: no
machine is asked, and nothing is built. It is about this derivation only: its
inputs can require other things.

Exit codes: 0 somebody builds it · 1 nobody does · 2 wrong usage · 3 it cannot
be told · 130 interrupted")]
pub struct WhyArgs {
    /// A .drv path or an installable (nixpkgs#hello), which is evaluated
    ///
    /// Without it: what --system and --features say, else the first system and the features that are expected of
    /// the builder.
    #[arg(value_name = "DRV|INSTALLABLE", conflicts_with_all = ["system", "features"])]
    pub derivation: Option<String>,
    /// A system, such as x86_64-linux (default: the first that is expected)
    #[arg(long)]
    system: Option<String>,
    /// System features that it requires, such as kvm,nixos-test
    #[arg(long, value_delimiter = ',', num_args = 0..=1, require_equals = false)]
    features: Option<Vec<String>>,
    /// Take the machines of this file instead of those that `builders` names
    #[arg(long, value_name = "FILE")]
    pub machines: Option<PathBuf>,
    /// Take the machines and settings of a saved report ("-" reads standard input)
    #[arg(long, value_name = "REPORT", conflicts_with = "machines")]
    pub from: Option<PathBuf>,
    /// What to expect of the builder (as for check)
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
    /// End the whole look after this time
    #[arg(long, value_name = "TIME", default_value = "90s", value_parser = time)]
    pub timeout: Duration,
    /// Print the answer as JSON
    #[arg(long)]
    pub json: bool,
    #[command(flatten)]
    pub look: LookArgs,
}

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
    #[arg(value_name = "ID|-", required_unless_present = "text")]
    pub id: Option<String>,
    /// Explain this output
    #[arg(long, value_name = "OUTPUT", conflicts_with = "id", allow_hyphen_values = true)]
    pub text: Option<OsString>,
    /// Print it as JSON
    #[arg(long)]
    pub json: bool,
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

impl WhyArgs {
    /// What was typed, or what is expected where nothing was.
    pub fn required(&self, want: &Expectations) -> Result<(Required, From), String> {
        let word = |what: &str, word: &str| match word
            .contains(|c: char| c == ',' || c.is_whitespace() || c.is_control())
        {
            false if !word.is_empty() => Ok(word.to_owned()),
            _ => Err(format!("--{what}: {:?} is no plain word", builder_doctor::prose::line(word))),
        };
        let first = want.builder.systems.first();
        let system = match (&self.system, first) {
            (Some(system), _) => word("system", system)?,
            (None, Some(first)) => first.clone(),
            (None, None) => {
                return Err("no system is expected of the builder: name one by --system".to_owned());
            }
        };
        let typed = self.system.is_some() || self.features.is_some();
        let features =
            if typed { self.features.clone().unwrap_or_default() } else { want.builder.features.clone() };
        let features = features.iter().filter(|it| !it.is_empty()).map(|it| word("features", it));
        let required =
            Required { system, features: features.collect::<Result<_, _>>()?, ..Required::default() };
        Ok((required, if typed { From::Options } else { From::Expectations }))
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
