//! The builder's line can be read, and means that builds never get there.

use super::{builders_bad_machine_spec, machines_system_not_offered};
use crate::checks::prelude::*;
use crate::parse::machines::ProblemKind;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-odd-fields",
    title: "The builder's line means what it says",
    layer: Layer::Machines,
    severity: Severity::Error,
    needs: &[&builders_bad_machine_spec::CHECK, &machines_system_not_offered::CHECK],
    disproved_by: Proof::EveryBuild,
    why: "Nix accepts some lines that keep builds away: with 0 jobs a build waits for ever; with mandatory features \
          only builds that demand them are taken; a column that slipped means something else.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration:\n\n    nix.linux-builder.maxJobs = 4;\n    \
             nix.linux-builder.mandatoryFeatures = [ ];",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo -e {file}"],
            "The columns are: URI, systems, key, jobs, speed, features, mandatory features, host key. No restart is \
             needed.",
        ),
    },
    references: &["NixOS/nix#4117"],
    judge,
    examples: &[
        Example { name: "0 jobs", given: |e| set(e, " 4 1 ", " 0 1 "), expect: Expect::Fail },
        Example {
            name: "a mandatory feature",
            given: |e| set(e, "nixos-test - ", "nixos-test nixos-test "),
            expect: Expect::Fail,
        },
        Example {
            name: "a word in the host key's column",
            given: |e| set(e, "c3No", "trusted"),
            expect: Expect::Pass,
        },
        Example { name: "nix-darwin's own line", given: |_| {}, expect: Expect::Pass },
    ],
};

/// Slips that move a build's way; the others Nix passes over without harm.
const HARMFUL: [ProblemKind; 4] = [
    ProblemKind::HiddenSpace,
    ProblemKind::SpaceInList,
    ProblemKind::DoubledScheme,
    ProblemKind::Placeholder,
];

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let finding = |seen: String, expected: &str, column: usize| {
        let place = machine.column(column);
        fail(seen, expected).word("file", super::file_of(e, &place)).at(Some(&place)).verdict()
    };
    if machine.max_jobs == 0 {
        return finding(
            format!("{} takes 0 jobs at once, so builds wait for ever", machine.host),
            "1 job or more",
            3,
        );
    }
    let mandatory: Vec<&str> = machine.unmet_mandatory(&[]).iter().map(|it| it.value.as_str()).collect();
    if !mandatory.is_empty() {
        let seen = format!("{} takes only builds that demand {}", machine.host, and(&mandatory));
        return finding(seen, "`-`: no mandatory feature", 6);
    }
    let here = |place: &crate::parse::text::Place| {
        place.path == machine.place.path && place.line == machine.place.line
    };
    let slip = e.machines()?.problems.iter().find(|it| HARMFUL.contains(&it.kind) && here(&it.place));
    match slip {
        Some(problem) => {
            let what = match problem.kind {
                ProblemKind::HiddenSpace => "a space that Nix does not take for one",
                ProblemKind::SpaceInList => "a space inside a list, which moves all later columns",
                ProblemKind::DoubledScheme => "a scheme written twice",
                _ => "a placeholder of a template",
            };
            fail(format!("the line of {} holds {what}", machine.host), "eight columns")
                .at(Some(&problem.place))
                .word("file", super::file_of(e, &problem.place))
                .verdict()
        }
        None => {
            pass(format!("{}, {}", machine.uri.value, crate::prose::count(machine.max_jobs as usize, "job")))
        }
    }
}

fn set(e: &mut Evidence, from: &str, to: &str) {
    healthy::set_machines(e, &healthy::MACHINES.replace(from, to));
    healthy::hide_builds(e);
}
