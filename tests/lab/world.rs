//! What a world is: data. How one is brought up: harness.rs, and the script `world`.

use serde_json::Value;

/// A simulated Mac with one fault (or none), and what builder-doctor shall say in it.
#[derive(Clone, Copy)]
pub struct World {
    pub name: &'static str,
    pub nix: Nix,
    /// One sentence: what is wrong on this Mac.
    pub doc: &'static str,
    /// Shell, run on the finished files before any service starts.
    pub before: &'static str,
    /// Shell, run when all services are up.
    pub after: &'static str,
    /// Each in a fresh world, as sshd remembers who knocked.
    pub run: &'static [Run],
}

impl World {
    /// A healthy world of the current Nix, to be varied by `..World::HEALTHY`.
    pub const HEALTHY: World = World { name: "", nix: Nix::Nix234, doc: "", before: "", after: "", run: &[] };
}

/// The world of this name.
pub fn find(worlds: &[&'static World], name: &str) -> &'static World {
    let found = worlds.iter().find(|world| world.name == name).copied();
    found.unwrap_or_else(|| panic!("there is no world {name}"))
}

/// Which Nix the host and the guest have: the folder that `provision` made.
#[derive(Clone, Copy)]
pub enum Nix {
    Nix234,
    Nix226,
}

impl Nix {
    pub fn folder(self) -> &'static str {
        match self {
            Nix::Nix234 => "nix-2.34",
            Nix::Nix226 => "nix-2.26",
        }
    }
}

/// One call of builder-doctor.
#[derive(Clone, Copy)]
pub struct Run {
    pub who: Who,
    pub args: &'static [&'static str],
    pub expect: Expect,
}

impl Run {
    /// The usual call: alice, who may use sudo and is not trusted, asks for the report.
    pub const fn alice(expect: Expect) -> Run {
        Run { who: Who::Alice, args: &["--json"], expect }
    }

    pub const fn alice_sudo(expect: Expect) -> Run {
        Run { who: Who::Alice, args: &["--json", "--sudo"], expect }
    }

    pub const fn root(expect: Expect) -> Run {
        Run { who: Who::Root, args: &["--json"], expect }
    }
}

#[derive(Clone, Copy)]
pub enum Who {
    Alice,
    Root,
}

/// What the report of one run must say.
#[derive(Clone, Copy)]
pub enum Expect {
    /// No finding at all, verdict healthy, exit code 0.
    Healthy,
    /// These ids, and no others, are causes, in this order; exit code 1.
    Roots(&'static [&'static str]),
    /// The same, and exit code 0.
    Warning(&'static [&'static str]),
    /// Anything else: an error says what is wrong.
    That(fn(&Report) -> Result<(), String>),
}

/// What one run left: its exit code, and the report on stdout.
pub struct Report {
    pub exit: i32,
    pub json: Value,
    /// Connections to the builder's port that the run made.
    pub connections: Option<u32>,
}

impl Report {
    pub fn findings(&self) -> &[Value] {
        self.json["findings"].as_array().map_or(&[], Vec::as_slice)
    }

    pub fn causes(&self) -> Vec<&str> {
        self.findings().iter().filter(|f| f["role"] == "cause").map(|f| text(f, "id")).collect()
    }

    pub fn verdict(&self) -> &str {
        text(&self.json, "verdict")
    }

    /// No finding above a note, and an exit code that alarms nobody.
    pub fn no_alarm(&self) -> Result<(), String> {
        if let Some(finding) = self.findings().iter().find(|f| f["severity"] != "note") {
            return Err(format!("{} is an alarm, and nothing is wrong", text(finding, "id")));
        }
        self.exits(0)
    }

    /// Some command of the first finding's remedy, or its note, names this.
    pub fn advises(&self, words: &str) -> Result<(), String> {
        let remedy = self.findings().first().map(|finding| finding["remedy"].to_string()).unwrap_or_default();
        if remedy.contains(words) {
            Ok(())
        } else {
            Err(format!("the remedy does not name {words}: {remedy}"))
        }
    }

    /// The first finding was seen in these words.
    pub fn sees(&self, words: &str) -> Result<(), String> {
        let seen = self.findings().first().map(|finding| text(finding, "seen")).unwrap_or_default();
        if seen.contains(words) { Ok(()) } else { Err(format!("{words:?} is not in what was seen: {seen}")) }
    }

    /// This check failed, as whatever.
    pub fn finds(&self, id: &str) -> Result<(), String> {
        match self.findings().iter().any(|finding| text(finding, "id") == id) {
            true => Ok(()),
            false => Err(format!("{id} is not among the findings")),
        }
    }

    /// Exactly so many connections were made to the builder's port.
    pub fn connected(&self, times: u32) -> Result<(), String> {
        match self.connections {
            Some(made) if made == times => Ok(()),
            made => Err(format!("{made:?} connections were made to the builder's port, not {times}")),
        }
    }

    pub fn exits(&self, code: i32) -> Result<(), String> {
        if self.exit == code { Ok(()) } else { Err(format!("exit code {}, not {code}", self.exit)) }
    }

    fn causes_are(&self, ids: &[&str], code: i32) -> Result<(), String> {
        let causes = self.causes();
        if causes != ids {
            return Err(format!("the causes are {causes:?}, not {ids:?}"));
        }
        let first = self.findings().first().map(|f| text(f, "id"));
        if first != ids.first().copied() {
            return Err(format!("the first finding is {first:?}, not {:?}", ids.first()));
        }
        self.exits(code)
    }
}

pub fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_default()
}

impl Expect {
    pub fn check(&self, report: &Report) -> Result<(), String> {
        match self {
            Expect::Healthy => {
                report.causes_are(&[], 0)?;
                if !report.findings().is_empty() {
                    return Err("there are findings, and nothing is wrong".into());
                }
                if report.verdict() != "healthy" {
                    return Err(format!("the verdict is {:?}, not healthy", report.verdict()));
                }
            }
            Expect::Roots(ids) => report.causes_are(ids, 1)?,
            Expect::Warning(ids) => report.causes_are(ids, 0)?,
            Expect::That(check) => check(report)?,
        }
        let told = report.json["exit_code"].as_i64();
        if told == Some(report.exit.into()) {
            Ok(())
        } else {
            Err(format!("the report says exit code {told:?}, and it was {}", report.exit))
        }
    }
}
