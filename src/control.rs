//! What `start`, `stop`, `restart`, `status` and `wait` have in common: a short look, root's part, and the banner.

use crate::{terminal, watched};
use builder_doctor::builder::control::{HIDDEN_COMMAND, Order, steps};
use builder_doctor::builder::{self, FACTS, place};
use builder_doctor::checks;
use builder_doctor::diagnosis::{Role, Selection, diagnose};
use builder_doctor::evidence::{Evidence, Wanted};
use builder_doctor::expectations::{self, Expectations};
use builder_doctor::fix::carry_out::Hands;
use builder_doctor::fix::hands::LiveHands;
use builder_doctor::fix::step::Condition;
use builder_doctor::host::change::LiveChanges;
use builder_doctor::host::live::Live;
use builder_doctor::host::talk::Talk;
use builder_doctor::host::{Cancel, Command, Host};
use builder_doctor::prose::{count, span};
use clap::Args;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

/// What a look of this kind may take.
const LOOK: Duration = Duration::from_secs(30);

/// What root says of a step.
#[derive(serde::Deserialize)]
struct Done {
    done: String,
}

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

    /// Whether the builder may be ended now: nobody builds there, or whoever asked knows. `or_else`: what else can be
    /// typed where nobody can be asked.
    pub fn may_end(&self, yes: bool, or_else: &str) -> bool {
        let what = match self.builds() {
            _ if yes => return true,
            Ok(0) => return true,
            Ok(builds) => format!("{} on the builder or on the way to it", count(builds, "build")),
            Err(why) => format!("whether builds run on the builder cannot be told ({why})"),
        };
        if !terminal::can_ask() {
            terminal::complain(&format!("{what}; nothing was done: {or_else}--yes ends them"));
            return false;
        }
        let answer = terminal::answer(&format!("{what}. End them? [y/N] "), &self.interrupted);
        let yes = answer.is_some_and(|word| ["y", "yes"].contains(&word.to_ascii_lowercase().as_str()));
        if !yes {
            terminal::complain("nothing was changed");
        }
        yes
    }

    /// Waits until no build runs there; false where the time is over first.
    pub fn wait_until_idle(&self, most: Duration) -> bool {
        let clock = self.host(most);
        let mut told = None;
        loop {
            let builds = self.builds();
            if builds == Ok(0) {
                return true;
            }
            let line = match &builds {
                Ok(builds) => format!("wait for {}", count(*builds, "build")),
                Err(why) => format!("wait: builds cannot be told ({why})"),
            };
            if told.as_ref() != Some(&line) {
                terminal::note(&line);
                told = Some(line);
            }
            let left = most.saturating_sub(clock.clock());
            if left.is_zero() || self.interrupted.reason().is_some() {
                return false;
            }
            self.interrupted.wait(left.min(Duration::from_secs(2)));
        }
    }

    /// Has root do it; the error says what did not work.
    pub fn order(&self, order: Order) -> Result<(), String> {
        let label = self.e.builder_job().map_err(|missing| missing.because)?.label.clone();
        // Said before anybody types a password.
        steps(order, &self.e, &self.want)?;
        let host = self.host(LOOK);
        let own = host.this_program().ok_or("the path of this program is unknown, so sudo cannot run it")?;
        let own = own.to_string_lossy().into_owned();
        let inner = [HIDDEN_COMMAND, order.word(), &label];
        let command = match terminal::is_root() {
            true => Command::new(own).args(inner),
            false => {
                terminal::ask_for_sudo(&format!("{} needs root", order.word()), "nothing was changed")?;
                Command::new("sudo").args(["--non-interactive", "--", &own]).args(inner)
            }
        };
        let mut talk = Talk::start(command).map_err(|error| format!("sudo: {error}"))?;
        while let Some(line) = talk.hear(&self.interrupted) {
            if let Ok(Done { done }) = serde_json::from_str(&line) {
                terminal::note(&done);
            }
        }
        match talk.end() {
            (true, _) => Ok(()),
            (false, why) => {
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
        terminal::note(&format!("wait for {address}:{port}, {} at most", span(most.as_secs())));
        let until = Condition::Banner { address, port };
        hands.wait(&until, most.as_secs()).map(|()| host.clock().saturating_sub(began))
    }

    /// The exit code of what failed to come up, with a line that says so, and one that names the cause.
    pub fn failed(&self, why: &str) -> ExitCode {
        if self.interrupted.reason().is_some() {
            terminal::complain("interrupted");
            return ExitCode::from(terminal::INTERRUPTED);
        }
        terminal::complain(why);
        // Without a build: it is about why nothing answers.
        let wanted = Wanted { no_builds: Some("it is not asked".to_owned()), ..Wanted::default() };
        let e = watched(&self.host(LOOK), &self.want, &wanted).0;
        let found = diagnose(&checks::all(), &e, &self.want, &Selection::default());
        let cause = found.findings().find(|(.., role)| *role == Role::Cause);
        terminal::complain(&match cause {
            Some((judged, finding, _)) => {
                let seen = finding.seen.trim_end_matches('.');
                format!("{}: {seen}; `builder-doctor check` says what mends it", judged.check.id)
            }
            None => "no cause is seen from here; `builder-doctor --sudo` looks closer".to_owned(),
        });
        ExitCode::from(1)
    }

    /// The exit code of a stop that failed, which no diagnosis explains, with the line that says so.
    pub fn not_stopped(&self, why: &str) -> ExitCode {
        terminal::complain(&format!("the builder could not be stopped: {why}"));
        self.declined()
    }

    /// What somebody who was interrupted, or said no, ends with.
    pub fn declined(&self) -> ExitCode {
        match self.interrupted.reason() {
            Some(_) => ExitCode::from(terminal::INTERRUPTED),
            None => ExitCode::from(1),
        }
    }
}
