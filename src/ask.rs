//! `builder-doctor why`: from what was typed to the page.

use crate::cli::WhyArgs;
use crate::{replay, say, terminal, watched};
use builder_doctor::advice::manager;
use builder_doctor::evidence::machines::file;
use builder_doctor::evidence::{Evidence, Missing, Wanted, derivation};
use builder_doctor::expectations;
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Host};
use builder_doctor::parse::machines::{Machines, parse};
use builder_doctor::report::why::{Facts, From, Page};
use builder_doctor::why::{FACTS, Local, ask};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

pub fn run(args: &WhyArgs) -> Result<ExitCode, String> {
    args.derivation.as_deref().map_or(Ok(()), derivation::sane)?;
    let saved = args.from.as_deref().map(replay::read).transpose()?;
    // Not before the report is read: until then a signal may end us as it ends every program.
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals(&interrupted)?;
    let host = Live::new(args.timeout, Arc::clone(&interrupted));
    let (saved, want) = match (saved, &args.expect) {
        (Some(saved), None) => (Some(saved.evidence), saved.expectations),
        (saved, named) => (saved.map(|saved| saved.evidence), expectations::find(&host, named.as_deref())?),
    };
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
    Ok(say(&text, page.exit_code))
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
