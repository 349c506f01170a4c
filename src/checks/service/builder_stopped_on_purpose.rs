//! Somebody stopped the builder with `builder-doctor stop`, and nobody has started it since.

use super::{job, of_the_vm, set_job};
use crate::checks::prelude::*;
use crate::evidence::stopped::{Mark, Stopped, VERSION};
use crate::parse::launchd::Printed;
use crate::prose::moment;

/// An error, as no Linux build runs until it is started and a script must hear of that; reports say that it is
/// stopped, and not that anything is broken.
pub static CHECK: Check = Check {
    id: ID,
    title: "nobody stopped the builder on purpose",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "`builder-doctor stop` tells launchd not to start the builder, after a reboot too, and keeps who did it and when. Nothing \
          is wrong with it: it waits to be started.",
    remedy: Remedy::same(Advice::safe(
        &["builder-doctor start"],
        "It says when the VM answers, which takes half a minute.",
    )),
    fixes: &[],
    references: &["DeterminateSystems/nix-installer#1047"],
    judge,
    examples: &[
        Example {
            name: "stopped, and not started since",
            given: |e| {
                set_job(e, |service| {
                    service.disabled = Some(true);
                    service.printed = Printed::NotFound;
                });
                set_mark(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the mark stands, and the job runs all the same",
            given: set_mark,
            expect: Expect::Pass,
        },
        Example { name: "no mark", given: |_| {}, expect: Expect::Pass },
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

/// How the check is called.
pub const ID: &str = "builder-stopped-on-purpose";

fn set_mark(e: &mut Evidence) {
    let label = e.builder_job().map(|service| service.label.clone()).unwrap_or_default();
    let mark = Mark { schema_version: VERSION, label, at: 1_780_000_000, by: "alice".to_owned() };
    e.stopped = crate::evidence::Probe::seen(Stopped { mark: Some(mark) }, crate::evidence::stopped::PATH);
}

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let job = job(e)?;
    if job.is_some_and(|job| job.pid.is_some()) {
        return pass(format!("{} runs", service.label));
    }
    let stopped = match e.stopped() {
        Ok(stopped) => stopped,
        Err(missing) if missing.by_choice => return moot("nobody looked whether it was stopped on purpose"),
        Err(missing) => return Err(missing),
    };
    match &stopped.mark {
        Some(mark) if mark.label == service.label && (job.is_none() || service.disabled == Some(true)) => {
            fail(
                format!("{} stopped {} on purpose, {}", mark.by, mark.label, moment(mark.at)),
                "the builder runs, where Linux builds are wanted",
            )
            .verdict()
        }
        Some(mark) if mark.label == service.label => {
            pass("it was stopped on purpose, and launchd has it again")
        }
        _ => pass("no `builder-doctor stop` keeps it from running"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::diagnosis::{Selection, diagnose};
    use crate::report::human::{Detail, render};
    use crate::report::paint::Paint;
    use crate::report::{Report, Timings};

    /// Nothing is broken: somebody stopped it, and one command starts it.
    #[test]
    fn a_reader_is_told_that_it_was_stopped_and_not_that_it_is_broken() {
        let mut e = healthy::evidence();
        (CHECK.examples[0].given)(&mut e);
        healthy::hide_builds(&mut e);
        let want = Expectations::default();
        let found = diagnose(&crate::checks::all(), &e, &want, &Selection::default());
        let report = Report::new(&found, &e, &want, Timings::default());
        assert_eq!(report.causes().map(|it| it.id).collect::<Vec<_>>(), [ID]);
        let text = render(&report, Paint { width: 140, ..Paint::PLAIN }, Detail::Findings);
        assert!(!text.contains("broken"), "{text}");
        assert!(text.starts_with("Linux builds wait: alice stopped"), "{text}");
        assert!(text.contains("builder-doctor start"), "{text}");
    }
}
