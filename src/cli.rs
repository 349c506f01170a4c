//! What can be typed.

use crate::commands::check::CheckArgs;
use crate::commands::completions::CompletionsArgs;
use crate::commands::diff::DiffArgs;
use crate::commands::explain::ExplainArgs;
use crate::commands::fix::FixArgs;
use crate::commands::list::ListArgs;
use crate::commands::man::ManArgs;
use crate::commands::preflight::PreflightArgs;
use crate::commands::restart::RestartArgs;
use crate::commands::setup::SetupArgs;
use crate::commands::start::StartArgs;
use crate::commands::status::StatusArgs;
use crate::commands::stop::StopArgs;
use crate::commands::tests::TestsArgs;
use crate::commands::undo::UndoArgs;
use crate::commands::wait::WaitArgs;
use crate::commands::why::WhyArgs;
use builder_doctor::check::Layer;
use builder_doctor::report::paint::Paint;
use builder_doctor::{checks, topics};
use clap::builder::{PossibleValue, StringValueParser, TypedValueParser};
use clap::{Arg, Args, Command, CommandFactory, Parser, Subcommand, ValueEnum};
use std::ffi::{OsStr, OsString};
use std::time::Duration;

/// Options about what is looked at.
pub const LOOK: &str = "What to look at";
/// Options about whose report it is.
pub const WHICH: &str = "Which report";
/// Options about what is printed.
pub const PRINT: &str = "What to print";

/// What the program does.
pub const ABOUT: &str = "\
Looks at Nix, its daemon, the machines file, launchd, ssh, the VM and the binary
caches, makes a test build that really runs on the builder, and names the one
cause. Looking changes nothing.";

/// What a run ends with, the same in every format.
pub const EXIT_CODES: &[(&str, &str)] = &[
    ("0", "no error"),
    ("1", "an error was found (with --strict, a warning)"),
    ("2", "wrong usage, or the report cannot be read or written"),
    ("3", "no error, but something on the way to a build could not be told"),
    ("4", "a fix was rolled back, or is stuck"),
    ("130", "interrupted; what was begun was taken back"),
];

/// What is heeded besides what is typed.
pub const ENVIRONMENT: &[(&str, &str)] = &[
    ("BUILDER_DOCTOR_EXPECT", "what --expect names, where it is not given"),
    ("BUILDER_DOCTOR_STATE, XDG_STATE_HOME", "the folder of the last healthy report and of fixes"),
    ("NO_COLOR, CLICOLOR_FORCE, TERM", "whether to colour"),
    ("LC_ALL, LC_CTYPE, LANG", "whether characters outside ASCII can be shown"),
];

/// What is read besides what is looked at.
pub const FILES: &[(&str, &str)] = &[
    ("builder-doctor.toml", "what to expect of the builder; here, or the next one above"),
    ("/etc/builder-doctor.toml", "the same for the whole machine"),
    ("last-healthy.json", "the last healthy report, in the state folder; --no-history does without"),
    ("/var/db/builder-doctor/fixes", "the journals of what root mended; one's own are in the state folder"),
];

/// What people type.
pub const EXAMPLES: &[(&str, &str)] = &[
    ("builder-doctor", "diagnose this machine"),
    ("builder-doctor --quick", "the same in a second, without a test build"),
    ("builder-doctor --sudo", "also what only root can see, and the VM from inside"),
    ("builder-doctor --json > report.json", "a report for a bug report or a colleague"),
    ("builder-doctor --from report.json", "what ails the machine of that report"),
    ("builder-doctor --only ssh,guest", "only what has to do with ssh and the VM"),
    ("builder-doctor explain ssh-key-missing", "what a finding means"),
    ("nix build 2>&1 | builder-doctor explain -", "what that output means"),
];

/// The commands by what they are good for: what a short help has room for.
const GROUPS: &[(&str, &[&str])] = &[
    ("look", &["check (the default)", "explain", "why", "diff", "list"]),
    ("set up", &["preflight", "setup"]),
    ("mend", &["fix", "undo"]),
    ("run", &["start", "stop", "restart", "status", "wait", "tests"]),
    ("other", &["schema", "completions", "man", "help"]),
];

/// What `builder-doctor -h` prints: the commands in groups, so that it fits a screen; `--help` explains each.
pub fn short_help(typed: &[OsString]) -> Option<String> {
    matches!(typed, [_, word] if word == "-h").then(grouped)
}

fn grouped() -> String {
    let text = Cli::command().render_help().to_string();
    let rest = text.split_once("Commands:\n").zip(text.split_once("\n\nOptions:"));
    let Some(((before, _), (_, options))) = rest else { return text };
    let rows: String =
        GROUPS.iter().map(|(what, names)| format!("  {what:<6} {}\n", names.join(", "))).collect();
    format!("{before}Commands (COMMAND -h explains one):\n{rows}\nOptions:{options}")
}

/// The end of the long help.
fn after() -> String {
    let rows = |title: &str, rows: &[(&str, &str)]| {
        let wide = |rows: &[(&str, &str)], at: fn(&(&str, &str)) -> usize| rows.iter().map(at).max();
        let (left, right) = (wide(rows, |it| it.0.len()), wide(rows, |it| it.1.len()));
        let (left, right) = (left.unwrap_or_default(), right.unwrap_or_default());
        let rows = rows.iter().map(|(what, meaning)| match left + right {
            0..=76 => format!("  {what:left$}  {meaning}\n"),
            _ => format!("  {what}\n      {meaning}\n"),
        });
        format!("{title}:\n{}", rows.collect::<String>())
    };
    let parts = [
        format!("{ABOUT}\n"),
        rows("Examples", EXAMPLES),
        rows("Exit codes", EXIT_CODES),
        rows("Environment", ENVIRONMENT),
        rows("Files", FILES),
    ];
    parts.join("\n").trim_end().to_owned()
}

/// Any word, of which these are known: a shell can complete them, and what is none of them is told with a guess.
#[derive(Clone)]
pub struct OneOf(pub fn() -> Vec<(&'static str, &'static str)>);

impl TypedValueParser for OneOf {
    type Value = String;

    fn parse_ref(&self, cmd: &Command, arg: Option<&Arg>, value: &OsStr) -> Result<String, clap::Error> {
        StringValueParser::new().parse_ref(cmd, arg, value)
    }

    fn possible_values(&self) -> Option<Box<dyn Iterator<Item = PossibleValue> + '_>> {
        let known = (self.0)();
        Some(Box::new(known.into_iter().map(|(name, title)| PossibleValue::new(name).help(title))))
    }
}

/// The ids of checks and topics.
pub fn subjects() -> Vec<(&'static str, &'static str)> {
    let checks = checks::every().into_iter().map(|it| (it.id, it.title));
    checks.chain(topics::ALL.iter().map(|it| (it.id, it.title))).collect()
}

/// The layers, and the ids of checks.
pub fn selectable() -> Vec<(&'static str, &'static str)> {
    let layers = Layer::ALL.map(|layer| (layer.name(), "every check of this layer"));
    layers.into_iter().chain(checks::all().into_iter().map(|it| (it.id, it.title))).collect()
}

/// Says why Linux builds fail on this Mac, and which command mends it.
#[derive(Debug, Parser)]
#[command(version, args_conflicts_with_subcommands = true, max_term_width = 80)]
#[command(override_usage = "builder-doctor [OPTIONS] [COMMAND]")]
#[command(after_help = "\
Exit codes: 0 well · 1 error · 2 usage · 3 unknown · 4 rolled back · 130 stopped")]
#[command(after_long_help = after())]
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
    /// Say whether this Mac can run the builder, before set-up
    Preflight(PreflightArgs),
    /// Set the builder up, and prove that it builds; or as before
    Setup(SetupArgs),
    /// Mend the causes that are safe to mend; verified, or taken back
    Fix(FixArgs),
    /// Take back what a fix did
    Undo(UndoArgs),
    /// Start the builder, and wait until it answers
    Start(StartArgs),
    /// Stop the builder until it is started, after a reboot too
    Stop(StopArgs),
    /// Restart the builder, and wait until it answers
    Restart(RestartArgs),
    /// Say what the builder is doing
    Status(StatusArgs),
    /// Wait until the builder answers
    Wait(WaitArgs),
    /// List every check, and every topic
    List(ListArgs),
    /// Explain a finding, or what Nix, ssh or launchctl printed
    Explain(ExplainArgs),
    /// Say which machine takes a derivation, and why no other
    Why(WhyArgs),
    /// List a flake's NixOS tests, or run some
    Tests(TestsArgs),
    /// Say what changed between two reports, or since all was well
    Diff(DiffArgs),
    /// Print the JSON Schema of the report
    Schema,
    /// Print what a shell completes
    Completions(CompletionsArgs),
    /// Print the manual page
    Man(ManArgs),
    /// Tell launchd to start or stop the builder (run by start, stop and restart)
    #[command(name = builder_doctor::builder::control::HIDDEN_COMMAND, hide = true)]
    ControlAsRoot { order: String, label: String },
    /// Take what only root can see (run by --sudo)
    #[command(name = builder_doctor::evidence::root_view::HIDDEN_COMMAND, hide = true)]
    LookAsRoot { request: String },
    /// Carry out what is asked on standard input (run by fix and undo)
    #[command(name = crate::by_root::HIDDEN_COMMAND, hide = true)]
    MendAsRoot,
}

#[derive(Clone, Copy, Debug, Args)]
pub struct LookArgs {
    /// When to colour
    #[arg(long, value_enum, default_value = "auto", value_name = "WHEN", help_heading = PRINT, hide_short_help = true)]
    color: Color,
    /// Use no character outside ASCII
    #[arg(long, help_heading = PRINT, hide_short_help = true)]
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

/// What was meant by a word that is none of those that are known.
pub fn nearest<'a>(word: &str, known: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let alike = known.map(|name| (strsim::jaro_winkler(word, name), name));
    let near = alike.filter(|(likeness, _)| *likeness > 0.8).max_by(|a, b| a.0.total_cmp(&b.0));
    near.map(|(_, name)| name)
}

/// "no check x; did you mean y?"
pub fn unknown<'a>(what: &str, word: &str, known: impl Iterator<Item = &'a str>) -> String {
    let known: Vec<&str> = known.collect();
    let names = builder_doctor::prose::and(&known);
    match nearest(word, known.into_iter()) {
        Some(name) => format!("there is no {what} {word:?}; did you mean {name}?"),
        None if what == "example" => format!("there is no example {word:?}; there are {names}"),
        None => format!("there is no {what} {word:?}; builder-doctor list names them all"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_command_line_is_sound() {
        Cli::command().debug_assert();
    }

    #[test]
    fn every_command_stands_in_a_group() {
        let grouped: Vec<&str> = GROUPS.iter().flat_map(|(_, names)| names.iter().copied()).collect();
        let word = |name: &&str| name.split(' ').next().unwrap_or_default().to_owned();
        let mut named: Vec<String> = grouped.iter().map(word).filter(|it| it != "help").collect();
        let all = Cli::command();
        let shown = all.get_subcommands().filter(|it| !it.is_hide_set());
        let mut known: Vec<String> = shown.map(|it| it.get_name().to_owned()).collect();
        named.sort();
        known.sort();
        assert_eq!(named, known);
    }

    #[test]
    fn what_stands_below_a_help_is_not_wrapped_again() {
        let all = Cli::command();
        for command in std::iter::once(&all).chain(all.get_subcommands()) {
            for text in [command.get_after_help(), command.get_after_long_help()].into_iter().flatten() {
                let text = text.to_string();
                let long = text.lines().find(|line| line.chars().count() > 80);
                assert_eq!(long, None, "{}", command.get_name());
            }
        }
    }

    #[test]
    fn a_near_miss_is_met_with_a_guess() {
        let known = ["ssh-key-missing", "machines-odd-fields"];
        let said = unknown("check", "ssh-key-mising", known.into_iter());
        assert_eq!(said, "there is no check \"ssh-key-mising\"; did you mean ssh-key-missing?");
        assert!(unknown("check", "xyz", known.into_iter()).ends_with("builder-doctor list names them all"));
    }
}
