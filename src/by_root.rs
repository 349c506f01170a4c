//! Whoever acts as root: this program again, run once by sudo, and asked line by line.

use crate::terminal;
use builder_doctor::fix::mend::{Answer, Ask, Mender, Outcome, Told};
use builder_doctor::host::live::Live;
use builder_doctor::host::talk::Talk;
use builder_doctor::host::{Cancel, Command, Host};
use std::sync::Arc;

/// The hidden command's name.
pub const HIDDEN_COMMAND: &str = "mend-as-root";

/// Started with the first thing that is asked of it.
pub struct ByRoot<'a> {
    host: &'a Live,
    interrupted: Arc<Cancel>,
    talk: Option<Talk>,
}

impl<'a> ByRoot<'a> {
    /// Nobody yet.
    pub fn new(host: &'a Live, interrupted: Arc<Cancel>) -> Self {
        ByRoot { host, interrupted, talk: None }
    }

    fn start(&mut self) -> Result<&mut Talk, String> {
        if self.talk.is_none() {
            terminal::ask_for_sudo("the steps need root", "nothing was changed")?;
            let own = self.host.this_program();
            let own = own.ok_or("the path of this program is unknown, so sudo cannot run it")?;
            let own = own.to_string_lossy().into_owned();
            let command =
                Command::new("sudo").args(["--non-interactive", "--", own.as_str(), HIDDEN_COMMAND]);
            self.talk = Some(Talk::start(command).map_err(|error| format!("sudo: {error}"))?);
        }
        self.talk.as_mut().ok_or_else(|| "sudo did not start".to_owned())
    }
}

impl Mender for ByRoot<'_> {
    fn ask(&mut self, ask: Ask, told: &mut dyn FnMut(Told)) -> Result<Outcome, String> {
        let question = serde_json::to_string(&ask).map_err(|error| error.to_string())?;
        let interrupted = Arc::clone(&self.interrupted);
        // Once it acts, an interruption ends it by the end of its input; a word on what it did is heard out.
        let never = Cancel::default();
        let stop = if matches!(ask, Ask::Mend(_) | Ask::SetUp(_)) { &*interrupted } else { &never };
        let talk = self.start()?;
        // Where it is gone already, its last words say why.
        let _ = talk.say(&question);
        while let Some(line) = talk.hear(stop) {
            match serde_json::from_str(&line) {
                Ok(Answer::Told(step)) => told(step),
                Ok(Answer::Outcome(outcome)) => return Ok(outcome),
                Err(_) => return Err("root's answer cannot be read".to_owned()),
            }
        }
        let (_, ended) = self.talk.take().map(Talk::end).unwrap_or_default();
        Err(match ended.strip_prefix("sudo: ") {
            Some(_) => ended,
            None => format!("sudo: {ended}"),
        })
    }
}

/// At its end root's side finds its input shut, and is given the time to take back what it began.
impl Drop for ByRoot<'_> {
    fn drop(&mut self) {
        if let Some(talk) = self.talk.take() {
            talk.end();
        }
    }
}
