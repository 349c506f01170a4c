//! `builder-doctor why`: from what was typed to the page.

use crate::cli::{LookArgs, time};
use crate::{replay, say_of, terminal, watched};
use builder_doctor::advice::manager;
use builder_doctor::evidence::machines::file;
use builder_doctor::evidence::{Evidence, Missing, Wanted, derivation};
use builder_doctor::expectations::Expectations;
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Host};
use builder_doctor::parse::derivation::Required;
use builder_doctor::parse::machines::{Machines, parse};
use builder_doctor::report::why::{Facts, From, Page};
use builder_doctor::why::{FACTS, Local, ask};
use clap::Args;
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

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

/// Answers.
pub fn run(args: &WhyArgs) -> Result<ExitCode, String> {
    args.derivation.as_deref().map_or(Ok(()), derivation::sane)?;
    let saved = args.from.as_deref().map(replay::read).transpose()?;
    // Not before the report is read: until then a signal may end us as it ends every program.
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let (saved, want) = saved.map(|saved| (saved.evidence, saved.expectations)).unzip();
    let want = replay::expected(&host, want, args.expect.as_deref())?;
    let typed = args.required(&want)?;
    let own_list = args.machines.as_deref().map(|path| read_list(&host, path)).transpose()?;
    let evidence = saved.unwrap_or_else(|| watched(&host, &want, &Wanted::only(FACTS)).0);
    let question = match args.derivation.as_deref() {
        Some(named) => derivation::required(&host, named, args.timeout).map(|it| (it, From::Derivation)),
        None => Ok(typed),
    };
    let mut page = match (&question, args.derivation.as_deref()) {
        (Ok((required, from)), _) => {
            let local = evidence.settings().and_then(Local::of);
            let list = own_list.as_ref().map_or_else(|| listed(&evidence), Ok);
            let decision = ask(required, list.as_ref().copied(), local.as_ref());
            let facts = Facts {
                required,
                from: *from,
                list: list.ok(),
                local: local.as_ref().ok(),
                manager: manager(&evidence),
                setting: origin(&evidence),
                builder: &want.builder.host,
                own_file: own_list.is_some(),
            };
            Page::new(&decision, &facts)
        }
        (Err(missing), named) => Page::without_question(missing, named.unwrap_or_default()),
    };
    if interrupted.reason().is_some() {
        page.exit_code = terminal::INTERRUPTED;
    }
    let text = if args.json { page.json() } else { page.human(args.look.paint()) };
    say_of(args.from.is_none().then_some(&host), &text, page.exit_code)
}

/// The file that sets the `builders` on which the daemon acts.
fn origin(evidence: &Evidence) -> Option<&str> {
    let found = evidence.acting_origin("builders").setting()?;
    Some(found.place.path.as_str()).filter(|path| path.starts_with('/'))
}

/// The machines of `builders`. Where the settings are not known, they would be a guess.
fn listed(evidence: &Evidence) -> Result<&Machines, Missing> {
    evidence.settings()?;
    evidence.machines()
}

/// The machines of a file that the user names, and of those that it names.
fn read_list(host: &Live, path: &Path) -> Result<Machines, String> {
    let shown = builder_doctor::prose::line(&path.to_string_lossy());
    let bytes = host.read(path).map_err(|error| format!("{shown}: {error}"))?;
    let text = String::from_utf8_lossy(&bytes);
    Ok(parse(&text, &shown, &mut |path| file(host, path)))
}
