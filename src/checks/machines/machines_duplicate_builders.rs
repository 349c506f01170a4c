//! One builder stands in the machines file twice.

use super::{builder_conflict, builders_bad_machine_spec, endpoint};
use crate::checks::prelude::*;
use crate::evidence::machines::linux;
use crate::parse::machines::Machine;
use crate::parse::text::Field;
use std::collections::BTreeSet;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-duplicate-builders",
    title: "No builder is declared twice",
    layer: Layer::Machines,
    severity: Severity::Warning,
    needs: &[&builders_bad_machine_spec::CHECK, &builder_conflict::CHECK],
    disproved_by: Proof::Nothing,
    why: "nix.buildMachines adds to the line that nix.linux-builder makes, and an old line may be left in `builders`. Nix \
          then takes the one VM for two, gives it twice its jobs, and where one of the lines is wrong every other build \
          fails.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration, remove the entry for {host-twice} from nix.buildMachines (or from \
             nix.settings.builders): nix.linux-builder makes one. Never set builders to nothing for that: it removes both.",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo -e {file}"],
            "Remove line {line}, or the other one. No restart is needed after an edit of a machines file.",
        ),
    },
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-builders"],
    judge,
    examples: &[
        Example {
            name: "linux-builder, and localhost at its port",
            given: |e| add(e, "ssh-ng://builder@localhost:31022 aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 1 1 kvm"),
            expect: Expect::Fail,
        },
        Example {
            name: "the same line twice",
            given: |e| add(e, healthy::MACHINES.trim_end()),
            expect: Expect::Fail,
        },
        Example {
            name: "a line for each system",
            given: |e| {
                let line = |system: &str| healthy::MACHINES.replace("aarch64-linux,x86_64-linux", system);
                healthy::set_machines(e, &format!("{}{}", line("aarch64-linux"), line("x86_64-linux")));
            },
            expect: Expect::Pass,
        },
        Example {
            name: "a second line for builds that demand kvm",
            given: |e| add(e, "ssh-ng://builder@linux-builder aarch64-linux - 1 1 - kvm -"),
            expect: Expect::Pass,
        },
        Example {
            name: "another machine",
            given: |e| add(e, "ssh-ng://builder@localhost:31122 aarch64-linux - 1 1 kvm"),
            expect: Expect::Pass,
        },
        Example { name: "no builder", given: |e| healthy::set_machines(e, ""), expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let all: Vec<&Machine> = linux(e.machines()?).collect();
    if all.is_empty() {
        return moot("no Linux builder is declared");
    }
    let all: Vec<Line> = all.into_iter().map(|machine| Line::of(e, machine)).collect();
    let mut unclear = None;
    for (at, second) in all.iter().enumerate() {
        for first in all.iter().take(at).filter(|first| first.shares_work(second)) {
            match (&first.end, &second.end) {
                (Some(one), Some(other)) if one == other => {
                    return told(e, first.machine, second.machine, Some(one));
                }
                (Some(_), Some(_)) => {}
                _ if first.machine.uri.value == second.machine.uri.value => {
                    return told(e, first.machine, second.machine, None);
                }
                _ => unclear = Some(second.machine),
            }
        }
    }
    match unclear {
        Some(machine) => Err(Missing::new(format!("`ssh -G` does not tell where {} is", machine.host))),
        None => pass(crate::prose::count(all.len(), "Linux machine")),
    }
}

fn told(
    e: &Evidence,
    first: &Machine,
    second: &Machine,
    end: Option<&(String, u16)>,
) -> Result<Verdict, Missing> {
    let place = &second.place;
    let both = end.map(|(host, port)| format!(": both are at {host}:{port}")).unwrap_or_default();
    let seen = format!(
        "{} and {} (line {} of {}) are one machine{both}",
        first.uri.value, second.uri.value, place.line, place.path
    );
    fail(seen, "one line for each machine")
        .at(Some(place))
        .word("host-twice", second.host.as_str())
        .word("file", super::file_of(e, place))
        .word("line", place.line.to_string())
        .verdict()
}

/// A machine as it is compared with every other, of which there may be many.
struct Line<'e> {
    machine: &'e Machine,
    end: Option<(String, u16)>,
    systems: BTreeSet<&'e str>,
    mandatory: BTreeSet<&'e str>,
}

impl<'e> Line<'e> {
    fn of(e: &Evidence, machine: &'e Machine) -> Self {
        let set = |fields: &'e [Field]| fields.iter().map(|it| it.value.as_str()).collect();
        Line {
            machine,
            end: endpoint(e, machine),
            systems: set(&machine.systems),
            mandatory: set(&machine.mandatory),
        }
    }

    /// Whether a build could go to either: lines for different systems, or for builds that demand a feature, are
    /// on purpose.
    fn shares_work(&self, other: &Line) -> bool {
        !self.systems.is_disjoint(&other.systems) && self.mandatory == other.mandatory
    }
}

fn add(e: &mut Evidence, line: &str) {
    healthy::set_machines(e, &format!("{}{line}\n", healthy::MACHINES));
    super::add_view(e, "localhost", "localhost", 22);
}
