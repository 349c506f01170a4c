//! Waiting until builds work: what to say of one look after another, when to look next, and how closely.
//!
//! A close look logs in, and sshd from OpenSSH 9.8 on shuts out whoever fails at that too often. So a light
//! look, which does not, goes before each close one, and the close one is made when the light one finds no
//! error. An error that the light look only inferred is put to the test once: what was done outranks it.

use crate::evidence::port::PortAnswer;
use crate::prose;
use crate::report::Report;
use std::collections::BTreeSet;
use std::time::Duration;

/// The faults that go by themselves as a VM or a daemon comes up, or when somebody else's build is over.
const MENDED_BY_TIME: &[&str] = &[
    "builder-service-not-running",
    "daemon-not-running",
    "ssh-connection-refused",
    "ssh-half-open-hang",
    "ssh-shut-out",
    "test-build-timed-out",
    "vm-not-listening",
    "vm-still-booting",
    "vm-unresponsive",
    "waiting-for-machine",
];

/// The pauses after light looks, while nothing changes.
const PAUSES: [u64; 5] = [1, 2, 4, 8, 10];
/// The pauses after close looks that failed: the penalties for three failed logins are over by then.
const PAUSES_AFTER_LOGINS: [u64; 3] = [20, 40, 60];

/// How closely to look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// At all that costs nobody anything: no build, no cache, no login.
    Light,
    /// At all that was asked for.
    Close,
}

/// What to do after a look.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing: builds work.
    Done,
    /// Look closely, at once.
    LookClosely,
    /// Look again after this time, or when the wait is over, if that is sooner.
    LookAfter(Duration),
    /// Look again after this time, and not sooner: sshd counts.
    LookNotBefore(Duration),
}

/// What of a report matters to whoever waits.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// The exit code of the report.
    pub exit_code: u8,
    /// Each layer and its state.
    pub chain: Vec<(&'static str, &'static str)>,
    /// The causes that stand in the way, and what was seen of each.
    pub causes: Vec<(&'static str, String)>,
    /// An sshd answers, and counts who knocks.
    pub sshd_answers: bool,
}

impl Standing {
    /// That of a report.
    pub fn of(report: &Report) -> Self {
        let ports = report.evidence.ports().map(Vec::as_slice).unwrap_or_default();
        // Warnings stand in the way where they alone make the exit code what it is (--strict).
        let errors = report.causes().any(|cause| cause.severity == "error");
        let in_the_way = |severity: &str| severity == "error" || (!errors && report.exit_code == 1);
        Standing {
            exit_code: report.exit_code,
            chain: report.chain.iter().map(|station| (station.layer, station.state)).collect(),
            causes: report
                .causes()
                .filter(|cause| in_the_way(cause.severity))
                .map(|cause| (cause.id, cause.seen.to_owned()))
                .collect(),
            sshd_answers: ports
                .iter()
                .any(|port| matches!(port.answer, PortAnswer::Ssh(_) | PortAnswer::ShutOut(_))),
        }
    }

    fn ids(&self) -> BTreeSet<&'static str> {
        self.causes.iter().map(|(id, _)| *id).collect()
    }

    fn state(&self, layer: &str) -> Option<&'static str> {
        self.chain.iter().find(|(name, _)| *name == layer).map(|(_, state)| *state)
    }

    /// Time may mend it: there are causes, and each of them goes by itself.
    fn may_pass(&self) -> bool {
        !self.causes.is_empty() && self.causes.iter().all(|(id, _)| MENDED_BY_TIME.contains(id))
    }
}

/// A wait, look after look.
#[derive(Debug, Default)]
pub struct Wait {
    only_light: bool,
    light: Option<Standing>,
    close: Option<Standing>,
    /// What the light look before the last close one blamed.
    tested: Option<BTreeSet<&'static str>>,
    quiet_looks: usize,
    failed_builds: usize,
    told: BTreeSet<&'static str>,
}

impl Wait {
    /// A wait that ends with a close look.
    pub fn new() -> Self {
        Self::default()
    }

    /// A wait where a light look tells all that was asked for.
    pub fn with_light_looks_only() -> Self {
        Wait { only_light: true, ..Self::default() }
    }

    /// Takes note of a look: what changed, in lines, and what to do next.
    pub fn note(&mut self, look: Look, now: Standing, arrow: &str) -> (Vec<String>, Next) {
        let before = match look {
            Look::Light => self.light.as_ref(),
            Look::Close => self.close.as_ref().or(self.light.as_ref()),
        };
        let mut lines = changes(before, &now, arrow);
        for (id, _) in now.causes.iter().filter(|(id, _)| !MENDED_BY_TIME.contains(id)) {
            if self.told.insert(id) {
                lines.push(format!("waiting does not mend {id}: builder-doctor explain {id}"));
            }
        }
        let moved = before.is_none_or(|before| before.ids() != now.ids() || before.chain != now.chain);
        let next = match look {
            Look::Light => self.after_light(&now, moved),
            Look::Close => self.after_close(&now),
        };
        match look {
            Look::Light => self.light = Some(now),
            Look::Close => self.close = Some(now),
        }
        (lines, next)
    }

    /// The last close look still stands: the light one after it blames what the one before it blamed.
    pub fn close_look_stands(&self) -> bool {
        self.tested.is_some() && self.tested == self.light.as_ref().map(Standing::ids)
    }

    fn after_light(&mut self, now: &Standing, moved: bool) -> Next {
        if moved {
            self.quiet_looks = 0;
        }
        let at = self.quiet_looks.min(PAUSES.len() - 1);
        let pause = Next::LookAfter(Duration::from_secs(PAUSES[at]));
        let patient = at == PAUSES.len() - 1;
        self.quiet_looks += 1;
        if self.only_light {
            return if now.exit_code == 0 { Next::Done } else { pause };
        }
        let is_new = self.tested.as_ref() != Some(&now.ids());
        let clear = now.exit_code != 1;
        if clear || (is_new && (patient || !now.may_pass())) {
            self.tested = Some(now.ids());
            return Next::LookClosely;
        }
        pause
    }

    fn after_close(&mut self, now: &Standing) -> Next {
        if now.exit_code == 0 {
            return Next::Done;
        }
        if !now.sshd_answers {
            return Next::LookAfter(Duration::from_secs(PAUSES[self.quiet_looks.min(PAUSES.len() - 1)]));
        }
        let pause = PAUSES_AFTER_LOGINS[self.failed_builds.min(PAUSES_AFTER_LOGINS.len() - 1)];
        self.failed_builds += 1;
        Next::LookNotBefore(Duration::from_secs(pause))
    }
}

/// What is another than before, in lines; of a first look, what stands in the way.
fn changes(before: Option<&Standing>, now: &Standing, arrow: &str) -> Vec<String> {
    let nothing = Standing::default();
    let before = before.unwrap_or(&nothing);
    let (was, is) = (before.ids(), now.ids());
    let mut lines = Vec::new();
    let over: Vec<&str> = was.difference(&is).copied().collect();
    if !over.is_empty() {
        lines.push(format!("no longer in the way: {}", prose::and(&over)));
    }
    for (id, seen) in now.causes.iter().filter(|(id, _)| !was.contains(id)) {
        lines.push(format!("in the way: {id}: {}", prose::line(seen)));
    }
    let turned = now.chain.iter().filter_map(|(layer, state)| {
        let earlier = before.state(layer)?;
        // A look that leaves a layer out says nothing of it.
        let told = earlier != *state && earlier != "skipped" && *state != "skipped";
        told.then(|| format!("{layer} {earlier} {arrow} {state}"))
    });
    let turned: Vec<String> = turned.collect();
    if !turned.is_empty() {
        lines.push(turned.join(", "));
    }
    lines
}

/// Time since the wait began, such as `1:07`.
pub fn stamp(since: Duration) -> String {
    let seconds = since.as_secs();
    let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
    if hours > 0 { format!("{hours}:{minutes:02}:{seconds:02}") } else { format!("{minutes}:{seconds:02}") }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with(causes: &[&'static str], chain: &[(&'static str, &'static str)], sshd_answers: bool) -> Standing {
        Standing {
            exit_code: u8::from(!causes.is_empty()),
            chain: chain.to_vec(),
            causes: causes.iter().map(|id| (*id, format!("{id} was seen"))).collect(),
            sshd_answers,
        }
    }

    fn booting() -> Standing {
        with(&["vm-still-booting"], &[("service", "broken"), ("ssh", "blocked"), ("build", "skipped")], false)
    }

    fn up() -> Standing {
        with(&[], &[("service", "ok"), ("ssh", "ok"), ("build", "skipped")], true)
    }

    fn after(seconds: u64) -> Next {
        Next::LookAfter(Duration::from_secs(seconds))
    }

    /// The pauses until something other than a pause comes, by a clock that only the pauses move.
    fn pauses(wait: &mut Wait, standing: &Standing) -> (Vec<u64>, Next) {
        let mut all = Vec::new();
        for _ in 0..50 {
            match wait.note(Look::Light, standing.clone(), "→").1 {
                Next::LookAfter(pause) => all.push(pause.as_secs()),
                next => return (all, next),
            }
        }
        (all, after(0))
    }

    #[test]
    fn what_is_said_to_go_by_itself_is_a_fault() {
        for id in MENDED_BY_TIME {
            assert!(crate::checks::all().iter().any(|check| check.id == *id), "there is no {id}");
        }
    }

    #[test]
    fn a_vm_that_comes_up_is_said_once_and_then_looked_at_closely() {
        let mut wait = Wait::new();
        let (lines, next) = wait.note(Look::Light, booting(), "→");
        assert_eq!(lines, ["in the way: vm-still-booting: vm-still-booting was seen"]);
        assert_eq!(next, after(1));
        assert_eq!(wait.note(Look::Light, booting(), "→"), (vec![], after(2)));
        let (lines, next) = wait.note(Look::Light, up(), "→");
        assert_eq!(
            lines,
            ["no longer in the way: vm-still-booting", "service broken → ok, ssh blocked → ok"]
        );
        assert_eq!(next, Next::LookClosely);
        let built = with(&[], &[("service", "ok"), ("ssh", "ok"), ("build", "ok")], true);
        assert_eq!(wait.note(Look::Close, built, "→"), (vec![], Next::Done));
    }

    #[test]
    fn pauses_grow_to_a_cap_and_what_was_inferred_is_put_to_the_test_once() {
        let mut wait = Wait::new();
        assert_eq!(pauses(&mut wait, &booting()), (vec![1, 2, 4, 8], Next::LookClosely));
        assert_eq!(wait.note(Look::Close, booting(), "→").1, after(10));
        assert!(wait.close_look_stands());
        let (all, next) = pauses(&mut wait, &booting());
        assert_eq!((all, next), (vec![10; 50], after(0)));
    }

    #[test]
    fn a_change_makes_the_looks_frequent_again() {
        let mut wait = Wait::new();
        for pause in [1, 2, 4] {
            assert_eq!(wait.note(Look::Light, booting(), "→").1, after(pause));
        }
        let refused = with(&["ssh-connection-refused"], &[("service", "ok"), ("ssh", "broken")], false);
        assert_eq!(wait.note(Look::Light, refused, "→").1, after(1));
    }

    #[test]
    fn what_time_does_not_mend_is_tested_at_once_and_told_once() {
        let broken = with(&["nix-not-installed"], &[("nix", "broken")], false);
        let mut wait = Wait::new();
        let (lines, next) = wait.note(Look::Light, broken.clone(), "→");
        assert_eq!(next, Next::LookClosely);
        assert_eq!(
            lines,
            [
                "in the way: nix-not-installed: nix-not-installed was seen",
                "waiting does not mend nix-not-installed: builder-doctor explain nix-not-installed"
            ]
        );
        assert_eq!(wait.note(Look::Close, broken.clone(), "→").0, Vec::<String>::new());
        for _ in 0..5 {
            let (lines, next) = wait.note(Look::Light, broken.clone(), "→");
            assert!(lines.is_empty() && matches!(next, Next::LookAfter(_)), "{lines:?} {next:?}");
        }
    }

    #[test]
    fn logins_that_fail_are_far_apart() {
        let mut wait = Wait::new();
        let refused = with(&["ssh-login-refused"], &[("ssh", "broken"), ("build", "blocked")], true);
        for pause in [20, 40, 60, 60] {
            assert_eq!(wait.note(Look::Light, up(), "→").1, Next::LookClosely);
            let next = wait.note(Look::Close, refused.clone(), "→").1;
            assert_eq!(next, Next::LookNotBefore(Duration::from_secs(pause)));
        }
    }

    #[test]
    fn light_and_close_looks_that_differ_are_no_change_to_and_fro() {
        let mut wait = Wait::new();
        let refused = with(&["ssh-login-refused"], &[("ssh", "broken"), ("build", "blocked")], true);
        wait.note(Look::Light, up(), "→");
        assert!(!wait.note(Look::Close, refused.clone(), "→").0.is_empty());
        assert_eq!(wait.note(Look::Light, up(), "→").0, Vec::<String>::new());
        assert_eq!(wait.note(Look::Close, refused, "→").0, Vec::<String>::new());
    }

    #[test]
    fn where_no_build_was_asked_for_a_light_look_is_enough() {
        let mut wait = Wait::with_light_looks_only();
        assert_eq!(wait.note(Look::Light, booting(), "→").1, after(1));
        assert_eq!(wait.note(Look::Light, up(), "→").1, Next::Done);
    }

    #[test]
    fn what_cannot_be_told_is_not_green() {
        let unknown = Standing { exit_code: 3, ..up() };
        let mut wait = Wait::new();
        assert_eq!(wait.note(Look::Light, unknown.clone(), "→").1, Next::LookClosely);
        assert!(matches!(wait.note(Look::Close, unknown, "→").1, Next::LookNotBefore(_)));
    }

    #[test]
    fn a_stamp_reads_as_a_stopwatch() {
        let stamps = [0, 67, 3_725].map(|seconds| stamp(Duration::from_secs(seconds)));
        assert_eq!(stamps, ["0:00", "1:07", "1:02:05"]);
    }
}
