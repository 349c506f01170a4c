//! The hidden command that `start`, `stop` and `restart` run as root: one word and a label, and root finds out the
//! rest by itself.

use crate::terminal;
use builder_doctor::builder::control::{FACTS_OF_ROOT, Order, carry_out};
use builder_doctor::evidence::flavour::Flavour;
use builder_doctor::evidence::{Progress, Wanted, gather};
use builder_doctor::expectations::Expectations;
use builder_doctor::fix::hands::LiveHands;
use builder_doctor::host::change::LiveChanges;
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Host};
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// Does it, and prints a line of JSON for each step that is done.
pub fn run(word: &str, label: &str) -> Result<ExitCode, String> {
    if !terminal::is_root() {
        return Err("this is for root alone".to_owned());
    }
    let order = Order::named(word).ok_or("there is start, stop and restart")?;
    let interrupted = Arc::new(Cancel::default());
    terminal::heed_signals_and_go_on(&interrupted)?;
    terminal::heed_end_of_input(&interrupted);
    let host = Live::new(Duration::from_secs(140), Arc::clone(&interrupted)).on_roots_path();
    let of_all = Path::new("/etc").join(builder_doctor::expectations::FILE);
    let mut want = match host.stat(&of_all) {
        Ok(_) => builder_doctor::expectations::find(&host, Some(&of_all))?,
        Err(_) => Expectations::default(),
    };
    if Flavour::of_label(label).is_none() && want.builder.launchd_label != label {
        return Err(format!("{label:?} is no job of a builder; {} may name it", of_all.display()));
    }
    label.clone_into(&mut want.builder.launchd_label);
    let (e, _) = gather(&host, &want, &Wanted::only(FACTS_OF_ROOT), &Progress::default());
    let found = e.builder_job().map_err(|missing| missing.because)?;
    if found.label != label {
        return Err(format!("root finds the builder's job {}, and not {label:?}", found.label));
    }
    let by = host.env("SUDO_USER").filter(|name| !name.is_empty()).unwrap_or_else(|| "root".to_owned());
    let hands = LiveHands { host: &host, change: &LiveChanges, stop: &interrupted };
    let mut said = |done: String| {
        let _ = terminal::print(&format!("{}\n", serde_json::json!({ "done": done })));
    };
    match carry_out(order, &e, &want, (&by, host.now()), &hands, &mut said) {
        Ok(()) => Ok(ExitCode::SUCCESS),
        Err(why) => {
            terminal::complain(&why);
            Ok(ExitCode::from(1))
        }
    }
}
