//! What `start`, `stop`, `restart`, `status` and `wait` have in common: a short look, root's part, and the banner.

use crate::{terminal, watched};
use builder_doctor::builder::control::{HIDDEN_COMMAND, Order, steps};
use builder_doctor::builder::{self, FACTS, place};
use builder_doctor::evidence::{Evidence, Wanted};
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::fix::carry_out::Hands;
use builder_doctor::fix::hands::LiveHands;
use builder_doctor::fix::step::Condition;
use builder_doctor::host::change::LiveChanges;
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Command, Host};
use builder_doctor::prose::{count, span};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What a look of this kind may take.
const LOOK: Duration = Duration::from_secs(30);
/// What root's part may take: launchd ends a VM within a minute.
const ROOT: Duration = Duration::from_secs(150);

/// Which builder.
#[derive(Debug, Args)]
pub struct Which {
    /// What to expect of the builder (default: builder-doctor.toml here or above, /etc, or built in)
    #[arg(long, value_name = "FILE")]
    pub expect: Option<PathBuf>,
}

/// The builder of this machine, as it was seen last.
pub struct Builder {
    pub want: Expectations,
    pub e: Evidence,
    pub interrupted: Arc<Cancel>,
}

impl Builder {
    /// Looks.
    pub fn look(which: &Which) -> Result<Self, String> {
        let interrupted = Arc::new(Cancel::default());
        terminal::heed_signals(&interrupted)?;
        let host = Live::new(LOOK, Arc::clone(&interrupted));
        let want = expectations::find(&host, which.expect.as_deref())?;
        let mut found = Builder { want, e: Evidence::default(), interrupted };
        found.look_again();
        Ok(found)
    }

    pub fn look_again(&mut self) {
        self.e = watched(&self.host(LOOK), &self.want, &Wanted::only(FACTS)).0;
    }

    pub fn host(&self, most: Duration) -> Live {
        Live::new(most, Arc::clone(&self.interrupted))
    }

    /// How many builds a stop would end.
    pub fn builds(&self) -> Result<usize, String> {
        builder::builds(&self.host(LOOK), &self.e, &self.want)
    }

    /// Whether the builder may be ended now: nobody builds there, or whoever asked knows.
    pub fn may_end(&self, yes: bool) -> Result<bool, String> {
        let what = match self.builds() {
            _ if yes => return Ok(true),
            Ok(0) => return Ok(true),
            Ok(builds) => format!("{} on the builder or on the way to it", count(builds, "build")),
            Err(why) => format!("whether builds run on the builder cannot be told ({why})"),
        };
        if !terminal::can_ask() {
            terminal::complain(&format!(
                "{what}; nothing was done: --when-idle waits for them, --yes ends them"
            ));
            return Ok(false);
        }
        terminal::confirm(&format!("{what}. End them?"))
    }

    /// Waits until no build runs there; false where the time is over first.
    pub fn wait_until_idle(&self, most: Duration) -> Result<bool, String> {
        let clock = self.host(most);
        let mut told = None;
        loop {
            let builds = self.builds();
            if builds == Ok(0) {
                return Ok(true);
            }
            let line = match &builds {
                Ok(builds) => format!("waiting for {}", count(*builds, "build")),
                Err(why) => format!("waiting: builds cannot be told ({why})"),
            };
            if told.as_ref() != Some(&line) {
                terminal::complain(&line);
                told = Some(line);
            }
            let left = most.saturating_sub(clock.clock());
            if left.is_zero() || self.interrupted.reason().is_some() {
                return Ok(false);
            }
            self.interrupted.wait(left.min(Duration::from_secs(2)));
        }
    }

    /// Has root do it; the error says what did not work.
    pub fn order(&self, order: Order) -> Result<(), String> {
        let label = self.e.builder_job().map_err(|missing| missing.because)?.label.clone();
        // Said before anybody types a password.
        steps(order, &self.e, &self.want)?;
        let host = self.host(ROOT);
        let own = host.this_program().ok_or("the path of this program is unknown, so sudo cannot run it")?;
        let own = own.to_string_lossy().into_owned();
        let inner = ["PATH=/usr/bin:/bin:/usr/sbin:/sbin", &own, HIDDEN_COMMAND, order.word(), &label];
        let command = match terminal::is_root() {
            true => Command::new("/usr/bin/env").args(inner),
            false => {
                terminal::ask_for_sudo(&format!("{} needs root:", order.word()))?;
                Command::new("sudo").args(["--non-interactive", "--", "/usr/bin/env"]).args(inner)
            }
        };
        let output =
            host.run(&command.on_lifeline().within(ROOT)).map_err(|error| format!("`sudo`: {error}"))?;
        for line in output.stdout.lines() {
            if let Ok(said) = serde_json::from_str::<serde_json::Value>(line) {
                if let Some(done) = said.get("done").and_then(|it| it.as_str()) {
                    terminal::tell("", &[done.to_owned()]);
                }
            }
        }
        match output.ok() {
            true => Ok(()),
            false => {
                let why = output.complaint();
                let locked = why.starts_with("sudo:") && why.contains("password");
                let hint = if locked { " (type it in a terminal, or as root)" } else { "" };
                Err(format!("{}{hint}", why.trim_start_matches("builder-doctor: ")))
            }
        }
    }

    /// Waits for the banner, and says how long that took; else why there is none.
    pub fn wait_for_banner(&self, most: Duration) -> Result<Duration, String> {
        let (address, port) = place(&self.e, &self.want);
        let host = self.host(most + LOOK);
        let began = host.clock();
        let hands = LiveHands { host: &host, change: &LiveChanges, stop: &self.interrupted };
        terminal::complain(&format!("waiting for {address}:{port}, {} at most", span(most.as_secs())));
        let until = Condition::Banner { address, port };
        hands.wait(&until, most.as_secs()).map(|()| host.clock().saturating_sub(began))
    }

    /// The exit code of what failed, with the line that says so.
    pub fn failed(&self, why: &str) -> ExitCode {
        if self.interrupted.reason().is_some() {
            terminal::complain("interrupted");
            return ExitCode::from(terminal::INTERRUPTED);
        }
        terminal::complain(&format!("{why}; `builder-doctor check` says why"));
        ExitCode::from(1)
    }
}
