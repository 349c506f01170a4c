//! From causes to a mended machine: one fix after the other, each shown, agreed to, carried out, and verified by
//! looking again before the next is planned.

use crate::by_root::ByRoot;
use crate::{terminal, watched};
use builder_doctor::check::{Check, Proof};
use builder_doctor::checks;
use builder_doctor::diagnosis::{Diagnosis, Selection, diagnose};
use builder_doctor::evidence::{Evidence, RootAccess, Wanted};
use builder_doctor::expectations::Expectations;
use builder_doctor::fix::mend::{Ask, Here, Mender, Order, Outcome, Told};
use builder_doctor::fix::plan::{Choice, Plan, Planned, plan};
use builder_doctor::fix::verify::helped;
use builder_doctor::host::Cancel;
use builder_doctor::host::live::Live;
use builder_doctor::host::secrets::Secrets;
use builder_doctor::report::explain;
use builder_doctor::report::mended::{Ending, MendReport, Mended, ended, step};
use builder_doctor::report::paint::Paint;
use builder_doctor::report::plan::{PlanReport, render};
use std::sync::Arc;
use std::time::Duration;

/// What is mended, and with whose consent.
pub struct Mending<'a> {
    pub host: &'a Live,
    pub want: &'a Expectations,
    pub wanted: &'a Wanted,
    pub choice: &'a Choice,
    /// Each look ends after this time.
    pub timeout: Duration,
    pub interrupted: &'a Arc<Cancel>,
    /// Nobody is asked.
    pub yes: bool,
    /// Nothing is said on the way.
    pub silent: bool,
    pub paint: Paint,
}

/// Who acts: in this process, or by root.
pub struct Menders<'a> {
    pub here: Here<'a>,
    pub by_root: ByRoot<'a>,
}

/// How long nobody knocks where the sshd shuts us out, and how often at most it is looked whether it still does.
const SHUT_OUT_PAUSE: Duration = Duration::from_secs(5);
const SHUT_OUT_LOOKS: usize = 24;
const SHUT_OUT: &Check = &checks::ssh::ssh_shut_out::CHECK;

/// The machine at one moment.
struct Seen {
    evidence: Evidence,
    diagnosis: Diagnosis,
}

impl Menders<'_> {
    /// Whoever may take these steps.
    pub fn for_root(&mut self, needs_root: bool) -> &mut dyn Mender {
        match needs_root && !rustix::process::geteuid().is_root() {
            true => &mut self.by_root,
            false => &mut self.here,
        }
    }
}

impl Mending<'_> {
    /// Mends what can be, until nothing is left, something fails, or the user says no.
    pub fn mend(&self, evidence: Evidence, menders: &mut Menders) -> Result<MendReport, String> {
        let secrets = Secrets::of_this_machine(self.host, None);
        let mut seen = self.judged(evidence);
        let mut fixes: Vec<Mended> = Vec::new();
        let mut ending = Ending::NothingToDo;
        loop {
            if self.interrupted.reason().is_some() {
                ending = Ending::Interrupted;
                break;
            }
            let plan = self.plan(&seen);
            let done = |id: &str| fixes.iter().any(|fix| fix.id == id);
            let Some(next) = plan.fixes.iter().find(|fix| !done(&fix.id)).cloned() else { break };
            self.show(&seen, plan, &secrets)?;
            match self.consent(&next)? {
                Some(true) => {}
                Some(false) => ending = Ending::Declined,
                None => ending = Ending::Interrupted,
            }
            if matches!(ending, Ending::Declined | Ending::Interrupted) {
                self.say("Nothing was changed.\n");
                break;
            }
            let (fix, now) = self.carry_out(&next, &seen, menders);
            ending = fix.ending;
            self.say(&ended(&fix, self.paint));
            fixes.push(fix);
            seen = now.unwrap_or(seen);
            if ending != Ending::Fixed {
                break;
            }
            self.say("\n");
        }
        let mut rest = self.plan(&seen);
        rest.fixes.retain(|fix| !fixes.iter().any(|done| done.id == fix.id && done.ending == Ending::Fixed));
        let as_planned = PlanReport::new(&seen.diagnosis, Plan::default(), true);
        let code = match (ending, &rest) {
            // As of the look: what is not mended by itself is still there.
            (Ending::NothingToDo, rest) => PlanReport::new(&seen.diagnosis, rest.clone(), true).exit_code,
            _ => seen.diagnosis.exit_code(),
        };
        if ending == Ending::NothingToDo {
            self.show(&seen, rest.clone(), &secrets)?;
        } else if ending == Ending::Fixed {
            self.say(&self.afterwards(&seen, &rest));
        }
        Ok(MendReport::new(fixes, ending, as_planned.verdict, code, rest))
    }

    fn judged(&self, evidence: Evidence) -> Seen {
        let diagnosis = diagnose(&checks::all(), &evidence, self.want, &Selection::default());
        Seen { evidence, diagnosis }
    }

    fn look(&self) -> Seen {
        let host = Live::new(self.timeout, Arc::clone(self.interrupted));
        self.judged(watched(&host, self.want, self.wanted).0)
    }

    /// The builder's sshd may still shut us out for the logins that failed before the fix.
    fn look_when_let_in(&self) -> Seen {
        let mut now = self.look();
        let shut_out = |seen: &Seen| {
            let judged = seen.diagnosis.results.iter().find(|it| it.check.id == SHUT_OUT.id);
            judged.is_some_and(|it| it.finding().is_some())
        };
        if !shut_out(&now) {
            return now;
        }
        self.say("  wait until the builder's sshd forgets the logins that failed before\n");
        // A look without builds knocks once, and sshd does not count whom it sends away.
        let light =
            Wanted { no_builds: Some("it waits".to_owned()), root: RootAccess::No, ..self.wanted.clone() };
        for _ in 0..SHUT_OUT_LOOKS {
            self.interrupted.wait(SHUT_OUT_PAUSE);
            let host = Live::new(self.timeout, Arc::clone(self.interrupted));
            if self.interrupted.reason().is_some()
                || !shut_out(&self.judged(watched(&host, self.want, &light).0))
            {
                break;
            }
        }
        if self.interrupted.reason().is_none() {
            now = self.look();
        }
        now
    }

    /// The same machine, of whose fix nobody had said yet that it helped.
    fn with_the_word_on_it(&self, seen: Seen) -> Seen {
        let host = Live::new(self.timeout, Arc::default());
        let fixes = watched(&host, self.want, &Wanted::only(&["platform", "fixes"])).0;
        let mut evidence = seen.evidence;
        evidence.adopt("fixes", &fixes);
        self.judged(evidence)
    }

    fn plan(&self, seen: &Seen) -> Plan {
        plan(&seen.diagnosis, &seen.evidence, self.want, self.choice)
    }

    fn show(&self, seen: &Seen, plan: Plan, secrets: &Secrets) -> Result<(), String> {
        let text = render(&PlanReport::new(&seen.diagnosis, plan, true), self.paint);
        if secrets.found_in(&text, false) {
            return Err(
                "the plan is not shown, and nothing is done: it holds a secret of this machine".to_owned()
            );
        }
        self.say(&text);
        Ok(())
    }

    fn say(&self, text: &str) {
        if !self.silent {
            let _ = terminal::print(text);
        }
    }

    /// Whether the user agrees; None where the run is to end.
    fn consent(&self, next: &Planned) -> Result<Option<bool>, String> {
        if self.yes {
            return Ok(Some(true));
        }
        if self.silent || !terminal::can_ask() {
            return Err(format!(
                "nothing was changed: there is nobody to ask whether to mend {}; --yes says so beforehand",
                next.id
            ));
        }
        loop {
            let ends = match next.interrupts {
                builder_doctor::fix::step::Interrupts::Nothing => String::new(),
                some => format!(", which ends {}", some.words()),
            };
            let question = format!("\nMend {}{ends}? [y/N/e(xplain)] ", next.id);
            let Some(answer) = terminal::answer(&question, self.interrupted) else { return Ok(None) };
            match answer.to_ascii_lowercase().as_str() {
                "y" | "yes" => return Ok(Some(true)),
                "e" | "explain" => match checks::find(&next.id) {
                    Some(check) => self.say(&explain::render(check, self.paint)),
                    None => return Ok(Some(false)),
                },
                _ => return Ok(Some(false)),
            }
        }
    }

    /// One fix to its end, and the machine as it was seen last, if it was seen again.
    fn carry_out(&self, next: &Planned, seen: &Seen, menders: &mut Menders) -> (Mended, Option<Seen>) {
        let mut fix = Mended::of(next);
        let after = seen.evidence.fixes().ok().and_then(|it| it.all().last().map(|it| it.number));
        let order = Order {
            id: next.id.clone(),
            disruptive: self.choice.disruptive,
            ask: self.choice.ask,
            evidence: seen.evidence.clone(),
            expectations: self.want.clone(),
            confirmed: next.steps.clone(),
            after: after.unwrap_or(0),
        };
        let mender = menders.for_root(next.needs_root);
        self.say("\n");
        self.ask(mender, Ask::Mend(Box::new(order)), &mut fix);
        if !self.is_open(&fix) {
            return (fix, None);
        }
        self.say("  look again\n");
        let now = self.look_when_let_in();
        let word = match (self.interrupted.reason(), helped(&next.id, &seen.diagnosis, &now.diagnosis)) {
            (Some(why), _) => Ask::TakeBack(why.to_owned()),
            (None, Ok(())) => {
                fix.because = self.shown_by(&now);
                Ask::Keep
            }
            (None, Err(why)) => Ask::TakeBack(why),
        };
        let kept = matches!(word, Ask::Keep);
        self.ask(mender, word, &mut fix);
        // What is taken back is as it was seen before.
        (fix, kept.then(|| self.with_the_word_on_it(now)))
    }

    /// Whether a word is waited for.
    fn is_open(&self, fix: &Mended) -> bool {
        fix.number.is_some() && fix.ending == Ending::NotBegun && fix.because.is_empty()
    }

    fn ask(&self, mender: &mut dyn Mender, ask: Ask, fix: &mut Mended) {
        let mut steps: Vec<Told> = Vec::new();
        let outcome = mender.ask(ask, &mut |told| {
            self.say(&step(&told, self.paint).unwrap_or_default());
            steps.push(told);
        });
        steps.iter().for_each(|told| fix.note(told));
        let lost = !steps.is_empty() || fix.number.is_some();
        fix.end(outcome.unwrap_or_else(|because| match (lost, fix.number) {
            // Whoever acted is gone in the middle of it, and takes back what it can; its journal knows.
            (true, number) => Outcome::Stuck {
                number: number.unwrap_or_default(),
                because: format!("{because}; `builder-doctor undo` takes back what still stands"),
                left: Vec::new(),
            },
            (false, _) => Outcome::NotBegun { because },
        }));
        if self.interrupted.reason().is_some() && fix.ending == Ending::RolledBack {
            fix.ending = Ending::Interrupted;
        }
    }

    /// What shows that a fix helped.
    fn shown_by(&self, now: &Seen) -> String {
        match Proof::EveryBuild
            .given(&now.evidence, self.want)
            .or_else(|| Proof::ABuild.given(&now.evidence, self.want))
        {
            Some(words) => words,
            None if self.wanted.no_builds.is_some() => "no test build was made (--quick)".to_owned(),
            None => "its check passes now; a test build does not run yet".to_owned(),
        }
    }

    /// How the machine is, once nothing more is mended.
    fn afterwards(&self, now: &Seen, rest: &Plan) -> String {
        let report = PlanReport::new(&now.diagnosis, rest.clone(), true);
        let left = !(rest.withheld.is_empty() && rest.patches.is_empty() && rest.by_hand.is_empty());
        match (report.verdict, left) {
            ("healthy", false) => "This machine is healthy.\n".to_owned(),
            (_, true) => render(&report, self.paint),
            (verdict, false) => format!("This machine is {verdict}: builder-doctor says why.\n"),
        }
    }
}
