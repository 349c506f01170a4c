//! `builder-doctor tests`: a flake's NixOS tests, listed or run.

use crate::cli::{LookArgs, PRINT, nearest};
use crate::{say, say_of, terminal};
use builder_doctor::evidence::{derivation, nix};
use builder_doctor::host::live::Live;
use builder_doctor::host::stream::watch;
use builder_doctor::host::{Cancel, Command, Host, Stopped};
use builder_doctor::nixos_tests::{self, Checks, Watched, anew, shown};
use builder_doctor::prose;
use builder_doctor::report::tests_of_flake::{Ended, Listed, Outcome, exit_code, summary, summary_as_json};
use builder_doctor::symptoms::{self, Paste};
use clap::Args;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Evaluating all tests of a large flake takes minutes.
const EVALUATION: Duration = Duration::from_secs(30 * 60);

#[derive(Debug, Args)]
#[command(after_help = "\
Examples:
  builder-doctor tests                       the NixOS tests of the flake here
  builder-doctor tests . ext-pgjwt           run one, with its log
  builder-doctor tests . ext-pgjwt --rerun   run it though it passed before

A test that passed is not run again: its result is in a store or a cache. Nix's
--rebuild builds on this machine only, which fails for Linux. --rerun builds the
same derivation with one more variable, which no store and no cache has seen;
nothing is deleted, and no root is needed.

Exit codes: 0 listed, or all passed · 1 one failed · 2 no such test, or wrong
usage · 3 the tests cannot be told · 130 interrupted")]
pub struct TestsArgs {
    /// The flake: a folder, or a reference such as github:owner/name
    #[arg(default_value = ".")]
    flake: String,
    /// Run these, one after the other
    #[arg(value_name = "NAME")]
    names: Vec<String>,
    /// Run them although they passed before
    #[arg(long, requires = "names")]
    rerun: bool,
    /// The system whose checks these are (default: this machine's)
    #[arg(long)]
    system: Option<String>,
    /// List the other checks as well, which are no NixOS tests
    #[arg(long, conflicts_with = "names")]
    all: bool,
    /// Print the list, or what became of each, as JSON
    #[arg(long, help_heading = PRINT)]
    json: bool,
    #[command(flatten)]
    look: LookArgs,
}

/// Why the tests are not known.
enum Trouble {
    /// Nix cannot be asked.
    Untold(String),
    /// What was typed leads nowhere.
    Wrong(String),
    /// Somebody pressed Ctrl-C.
    Interrupted,
}

/// Lists, or runs.
pub fn run(args: &TestsArgs) -> Result<ExitCode, String> {
    derivation::sane(&args.flake).map_err(|_| format!("{:?} is no flake", prose::line(&args.flake)))?;
    if let Some(system) =
        args.system.as_deref().filter(|it| it.is_empty() || it.contains(char::is_whitespace))
    {
        return Err(format!("--system: {:?} is no plain word", prose::line(system)));
    }
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let host = Live::new(EVALUATION, Arc::clone(&interrupted));
    let (system, found) = match listed(&host, args) {
        Ok(listed) => listed,
        Err(Trouble::Wrong(why)) => return Err(why),
        Err(Trouble::Untold(why)) => {
            terminal::complain(&why);
            return Ok(ExitCode::from(3));
        }
        Err(Trouble::Interrupted) => return Ok(ExitCode::from(terminal::INTERRUPTED)),
    };
    if args.names.is_empty() {
        let listed = Listed { flake: &args.flake, system: &system, found: &found, all: args.all };
        let text = if args.json { listed.as_json() } else { listed.render(args.look.paint()) };
        return say_of(Some(&host), &text, 0);
    }
    if let Some(name) = args.names.iter().find(|name| !found.checks.contains_key(*name)) {
        return Err(no_such(name, &found, &system));
    }
    let mut all = Vec::new();
    for name in &args.names {
        if interrupted.reason().is_some() {
            break;
        }
        all.push(run_one(&host, args, &system, name, &interrupted));
    }
    let text = if args.json { summary_as_json(&all) } else { summary(&all, args.look.paint()) };
    // A run that was broken off between two has done less than was asked for.
    let code = if interrupted.reason().is_some() { terminal::INTERRUPTED } else { exit_code(&all) };
    Ok(say(&text, code))
}

/// The system, and the flake's checks for it.
fn listed(host: &Live, args: &TestsArgs) -> Result<(String, Checks), Trouble> {
    let system = match &args.system {
        Some(system) => system.clone(),
        None => asked(host, nixos_tests::SYSTEM)?.map_err(Trouble::Untold)?.trim().to_owned(),
    };
    let (checks, question) = (nixos_tests::of_flake(&args.flake), nixos_tests::question(&system));
    let words = ["eval", "--json", checks.as_str(), "--apply", question.as_str()];
    let found = match asked(host, &words)? {
        Ok(text) => nixos_tests::parse(&text).map_err(Trouble::Untold)?,
        Err(error) if nixos_tests::has_none(&error) => {
            let (systems, checks) = Default::default();
            Checks { systems, checks }
        }
        Err(error) => {
            let plain = !args.flake.contains(['/', ':', '.', '#']);
            let hint = match plain && args.names.is_empty() {
                true => format!("; a test of the flake here: builder-doctor tests . {}", args.flake),
                false => String::new(),
            };
            return Err(Trouble::Wrong(format!("{}: {error}{hint}", prose::line(&args.flake))));
        }
    };
    Ok((system, found))
}

/// What Nix prints; or, in the inner error, what it complains of.
fn asked(host: &Live, words: &[&str]) -> Result<Result<String, String>, Trouble> {
    let Some(command) = nix::command(host, words) else {
        return Err(Trouble::Untold("there is no Nix on this machine: builder-doctor says more".to_owned()));
    };
    match host.run(&command.within(EVALUATION)) {
        Ok(output) if output.ok() => Ok(Ok(output.stdout)),
        Ok(output) => match output.stopped {
            Some(Stopped::Abandoned(_)) => Err(Trouble::Interrupted),
            Some(_) => Err(Trouble::Untold(format!("`nix {}`: {}", words[0], output.complaint()))),
            None => Ok(Err(output.complaint())),
        },
        Err(error) => Err(Trouble::Untold(format!("`nix {}`: {error}", words[0]))),
    }
}

fn no_such(name: &str, found: &Checks, system: &str) -> String {
    let shown = prose::line(name);
    match nearest(name, found.checks.keys().map(String::as_str)) {
        Some(near) => format!("there is no test {shown:?} for {system}; did you mean {}?", prose::line(near)),
        None => format!("there is no test {shown:?} for {system}; without a name, tests lists them all"),
    }
}

fn run_one(host: &Live, args: &TestsArgs, system: &str, name: &str, interrupted: &Cancel) -> Outcome {
    let installable = nixos_tests::installable(&args.flake, system, name);
    let started = host.clock();
    let mut outcome = Outcome {
        name: name.to_owned(),
        result: Ended::Failed,
        seconds: 0,
        command: String::new(),
        log: None,
        fault: None,
        because: None,
    };
    let command = match made(host, args.rerun, &installable) {
        Ok(command) => command,
        Err(Trouble::Interrupted) => return Outcome { result: Ended::Interrupted, ..outcome },
        Err(Trouble::Untold(why) | Trouble::Wrong(why)) => return Outcome { because: Some(why), ..outcome },
    };
    let variable = anew::VARIABLE;
    outcome.command = match args.rerun {
        true => format!("nix build -L --no-link of {installable} with {variable} set"),
        false => format!("nix build -L --no-link {}", builder_doctor::host::quoted(&installable)),
    };
    terminal::pass_on(&format!("builder-doctor: {}", outcome.command));
    let of = asked_name(host, &installable).unwrap_or_default();
    let mut watched = Watched::new(&of);
    let ended = watch(&command, interrupted, &mut |line| {
        for line in line.split('\r') {
            let line = shown(line);
            watched.hear(&line);
            terminal::pass_on(&line);
        }
    });
    outcome.seconds = host.clock().saturating_sub(started).as_secs();
    outcome.result = match &ended {
        _ if interrupted.reason().is_some() => Ended::Interrupted,
        Ok(true) if watched.ran => Ended::Passed,
        Ok(true) => Ended::PassedBefore,
        Ok(false) | Err(_) => Ended::Failed,
    };
    if outcome.result == Ended::Failed {
        outcome.because = ended.err().map(|error| format!("`nix build`: {error}"));
        outcome.log = watched.log_of().map(|drv| format!("nix log {drv}"));
        let named = symptoms::find(&Paste::new(watched.text()));
        // A test that ran and failed is no fault of the builder.
        let own = |id: &str| watched.ran && id == "build-fails-in-guest";
        let fault = named.iter().find(|it| !it.row.harmless && !own(it.row.id));
        outcome.fault = fault.map(|it| it.row.id);
    }
    outcome
}

/// The build, of the flake's own derivation or of one like it.
fn made(host: &Live, rerun: bool, installable: &str) -> Result<Command, Trouble> {
    let missing = || Trouble::Untold("there is no Nix on this machine".to_owned());
    if !rerun {
        let words = [nixos_tests::BUILD, &["--", installable]].concat();
        return nix::command(host, &words).ok_or_else(missing);
    }
    let shown = asked(host, &["derivation", "show", "--", installable])?
        .map_err(|error| Trouble::Untold(format!("`nix derivation show`: {error}")))?;
    let text = anew::expression(&shown, &host.nonce())
        .map_err(|why| Trouble::Untold(format!("it cannot be run anew: {why}")))?;
    let words = [nixos_tests::BUILD, &["--expr", text.as_str()]].concat();
    nix::command(host, &words).ok_or_else(missing)
}

/// The derivation's name, as it stands before each line of its log.
fn asked_name(host: &Live, installable: &str) -> Option<String> {
    let name = format!("{installable}.name");
    asked(host, &["eval", "--raw", "--", name.as_str()]).ok()?.ok()
}
