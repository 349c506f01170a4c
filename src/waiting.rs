//! Looking once, and `--wait`: looking until builds work.

use crate::{terminal, told};
use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::evidence::{Evidence, RootAccess, Told, Wanted};
use builder_doctor::expectations::Expectations;
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Host};
use builder_doctor::report::{Report, Timings};
use builder_doctor::wait::{Look, Next, Standing, Wait, stamp};
use std::sync::Arc;
use std::time::Duration;

/// What was taken, and how long it took.
pub type Taken = (Evidence, Timings);

/// What is looked at, and by what it is judged.
pub struct Task<'a> {
    pub want: &'a Expectations,
    pub wanted: &'a Wanted,
    pub selection: &'a Selection,
    /// Each look ends after this time.
    pub timeout: Duration,
    pub interrupted: &'a Arc<Cancel>,
    /// Hears of each fact of a single look as it comes in.
    pub told: Option<Told<'a>>,
}

impl Task<'_> {
    /// Looks once.
    pub fn look(&self) -> Taken {
        self.look_and_tell(self.wanted, self.told)
    }

    fn look_at(&self, wanted: &Wanted) -> Taken {
        self.look_and_tell(wanted, None)
    }

    fn look_and_tell(&self, wanted: &Wanted, hears: Option<Told>) -> Taken {
        let host = Live::new(self.timeout, Arc::clone(self.interrupted));
        let (evidence, probes) = told(&host, self.want, wanted, hears);
        let total_ms = u64::try_from(host.clock().as_millis()).unwrap_or(u64::MAX);
        (evidence, Timings { total_ms, probes })
    }

    /// Looks until builds work, `most` is over, or the user ends it. A look that has begun is finished.
    pub fn look_until_green(&self, most: Duration, arrow: &str) -> Taken {
        let light = self.light();
        let mut wait = if self.is_light() { Wait::with_light_looks_only() } else { Wait::new() };
        let clock = Live::new(most, Arc::clone(self.interrupted));
        let tell = |lines: &[String]| terminal::tell(&stamp(clock.clock()), lines);
        let (mut look, mut kept) = (Look::Light, None);
        loop {
            let taken = self.look_at(if look == Look::Light { &light } else { self.wanted });
            if self.interrupted.reason().is_some() {
                // What was seen in part says less than the look before it.
                return kept.unwrap_or(taken);
            }
            let (lines, next) = wait.note(look, self.standing(&taken), arrow);
            tell(&lines);
            // Beside a close look that stands, a light one says less.
            if look == Look::Close || next == Next::LookClosely || !wait.close_look_stands() {
                kept = Some(taken);
            }
            let left = most.saturating_sub(clock.clock());
            let (pause, last) = match next {
                Next::Done => {
                    tell(&["green".to_owned()]);
                    break;
                }
                Next::LookClosely => {
                    look = Look::Close;
                    continue;
                }
                Next::LookAfter(pause) => (pause.min(left), left.is_zero()),
                Next::LookNotBefore(pause) => (pause.min(left), pause > left),
            };
            self.interrupted.wait(pause);
            if self.interrupted.reason().is_some() {
                break;
            }
            if last {
                tell(&[format!("still not green after {}", humantime::format_duration(most))]);
                break;
            }
            look = Look::Light;
        }
        kept.unwrap_or_default()
    }

    fn standing(&self, (evidence, _): &Taken) -> Standing {
        let diagnosis = diagnose(&checks::all(), evidence, self.want, self.selection);
        Standing::of(&Report::new(&diagnosis, evidence, self.want, Timings::default()))
    }

    /// Neither builds nor root's look were asked for, and these alone log in.
    fn is_light(&self) -> bool {
        self.wanted.no_builds.is_some() && self.wanted.root == RootAccess::No
    }

    fn light(&self) -> Wanted {
        if self.is_light() {
            return self.wanted.clone();
        }
        let held_back = |what: &str| Some(format!("--wait: {what} once nothing else stands in the way"));
        let wanted = self.wanted;
        Wanted {
            known: None,
            no_builds: wanted.no_builds.clone().or_else(|| held_back("builds are made")),
            offline: wanted.offline.clone().or_else(|| held_back("caches are asked")),
            deep: false,
            root: RootAccess::No,
            only: wanted.only,
        }
    }
}
