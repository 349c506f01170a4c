//! A machine's line can be read, and means something else than its author thought.

use super::builders_bad_machine_spec;
use crate::checks::prelude::*;
use crate::evidence::machines::linux;
use crate::parse::machines::{Machine, Machines, ProblemKind};
use crate::parse::text::Place;
use crate::prose::{and, line};

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-odd-fields",
    title: "Each Linux machine's line means what it says",
    layer: Layer::Machines,
    severity: Severity::Error,
    needs: &[&builders_bad_machine_spec::CHECK],
    disproved_by: Proof::EveryBuild,
    why: "Nix accepts some lines that keep builds away: with 0 jobs a build waits for ever; with mandatory features \
          only builds that demand them are taken; without a system the machine is taken for one like the Mac; a word \
          that is no host key is refused by ssh; a column that slipped means something else.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration (for other machines, the option of the same name in nix.buildMachines):\n\n    \
             {option}",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo -e {file}"],
            "The columns are: URI, systems, key, jobs, speed, features, mandatory features, host key. No restart is \
             needed after an edit of a machines file.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#4117", "NixOS/nixpkgs#229542"],
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
            given: |e| {
                let start = healthy::MACHINES.find("c3No").unwrap_or_default();
                set(e, &healthy::MACHINES[start..], "trusted");
            },
            expect: Expect::Fail,
        },
        Example { name: "no system", given: |e| set(e, "aarch64-linux,x86_64-linux", "-"), expect: Expect::Fail },
        Example {
            name: "a key in somebody's home",
            given: |e| set(e, "/etc/nix/builder_ed25519", "~/.ssh/id_ed25519"),
            expect: Expect::Fail,
        },
        Example {
            name: "a folder where the key belongs",
            given: |e| set(e, "/etc/nix/builder_ed25519", "/"),
            expect: Expect::Fail,
        },
        Example {
            name: "a scheme written twice",
            given: |e| set(e, "ssh-ng://", "ssh-ng://ssh-ng://"),
            expect: Expect::Fail,
        },
        Example { name: "a speed of 0, which Nix reads as 1", given: |e| set(e, " 4 1 ", " 4 0 "), expect: Expect::Fail },
        Example { name: "no scheme, which means ssh://", given: |e| set(e, "ssh-ng://", ""), expect: Expect::Fail },
        Example {
            name: "0 jobs on a second machine, while the first takes all",
            given: |e| add(e, "ssh-ng://nix@off aarch64-linux - 0 1"),
            expect: Expect::Fail,
        },
        Example {
            name: "a second machine for builds that demand kvm",
            given: |e| add(e, "ssh-ng://nix@box aarch64-linux - 4 1 - kvm"),
            expect: Expect::Pass,
        },
        Example {
            name: "a Mac that states no system",
            given: |e| add(e, "ssh://admin@mini - - 8 2"),
            expect: Expect::Pass,
        },
        Example { name: "nix-darwin's own line", given: |_| {}, expect: Expect::Pass },
        Example { name: "no builder", given: |e| healthy::set_machines(e, ""), expect: Expect::Moot },
    ],
};

/// Slips that move a build's way; the others Nix passes over without harm.
const SLIPS: [(ProblemKind, &str); 5] = [
    (ProblemKind::HiddenSpace, "a space that Nix does not take for one"),
    (ProblemKind::SpaceInList, "a space inside a list, which moves all later columns"),
    (ProblemKind::DoubledScheme, "a scheme written twice"),
    (ProblemKind::Placeholder, "a placeholder of a template"),
    (
        ProblemKind::NotAHostKey,
        "a word in the host key's column that is no host key, so that ssh refuses the machine",
    ),
];

/// One thing that is odd about a line.
struct Odd {
    seen: String,
    expected: &'static str,
    option: &'static str,
    place: Place,
    /// How bad it is where other machines take all that is expected.
    beside_others: Option<Severity>,
    /// How bad it is where none do.
    alone: Severity,
}

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let all = e.machines()?;
    // Without a system, only what is known to be a Linux VM is meant to be one.
    let nameless =
        all.machines.iter().filter(|it| it.systems_defaulted && it.is_ssh() && is_a_vm(&it.host, want));
    let judged: Vec<&Machine> = linux(all).chain(nameless).collect();
    if judged.is_empty() {
        return moot("no Linux builder is declared");
    }
    let odd: Vec<(&Machine, Vec<Odd>)> = judged.iter().map(|it| (*it, oddities(e, all, it))).collect();
    let sound = |system: &String| {
        odd.iter().any(|(it, odd)| {
            it.offers(system) == Some(true) && odd.iter().all(|one| one.alone == Severity::Note)
        })
    };
    let served = want.builder.systems.iter().all(sound);
    let severity = |one: &Odd| if served { one.beside_others } else { Some(one.alone) };
    let found = odd.iter().flat_map(|(_, odd)| odd).filter_map(|one| Some((severity(one)?, one)));
    // The first of the gravest.
    let Some((severity, one)) = found.rev().max_by_key(|(severity, _)| *severity) else {
        let uris: Vec<&str> = judged.iter().map(|it| it.uri.value.as_str()).collect();
        return pass(and(&uris));
    };
    fail(one.seen.clone(), one.expected)
        .word("file", super::file_of(e, &one.place))
        .word("option", one.option)
        .at(Some(&one.place))
        .as_bad_as(severity)
        .verdict()
}

fn is_a_vm(host: &str, want: &Expectations) -> bool {
    use crate::evidence::flavour::Flavour;
    host == want.builder.host || Flavour::of_label(host).is_some_and(|it| it.host() == host)
}

fn oddities(e: &Evidence, all: &Machines, machine: &Machine) -> Vec<Odd> {
    let host = &machine.host;
    let mut odd = Vec::new();
    let mut add = |seen: String, expected, option, place, beside_others, alone| {
        odd.push(Odd { seen, expected, option, place, beside_others, alone });
    };
    let (error, warning, note) = (Severity::Error, Some(Severity::Warning), Some(Severity::Note));
    if machine.max_jobs == 0 {
        let seen = format!("{host} takes 0 jobs at once, so builds wait for ever");
        add(seen, "1 job or more", "nix.linux-builder.maxJobs = 4;", machine.column(3), note, error);
    }
    let mandatory: Vec<&str> = machine.mandatory.iter().map(|it| it.value.as_str()).collect();
    if !mandatory.is_empty() {
        let seen = format!("{host} takes only builds that demand {}", and(&mandatory));
        let option = "nix.linux-builder.mandatoryFeatures = [ ];";
        add(seen, "`-`: no mandatory feature", option, machine.column(6), None, error);
    }
    if machine.systems_defaulted {
        let own = e.settings().ok().and_then(|it| it.system.clone());
        let own = own
            .map_or_else(|| "the Mac's own system".to_owned(), |own| format!("{own}, the Mac's own system"));
        let seen = format!("{host} states no system, so that Nix takes it for one of {own}");
        let option = "nix.linux-builder.systems = [ \"aarch64-linux\" ];";
        add(seen, "Linux systems in the second column", option, machine.column(1), warning, error);
    }
    let here = |place: &Place| place.path == machine.place.path && place.line == machine.place.line;
    for problem in all.problems.iter().filter(|it| here(&it.place)) {
        if let Some((_, what)) = SLIPS.iter().find(|(kind, _)| *kind == problem.kind) {
            let seen = format!("the line of {host} holds {what}");
            let option = "nix.buildMachines = [ … ]; # where the line is made";
            add(seen, "eight columns, each as it is meant", option, problem.place.clone(), warning, error);
        }
    }
    if let Some(key) = &machine.key {
        let option = "nix.buildMachines.*.sshKey = \"/etc/nix/builder_ed25519\";";
        let path = line(&key.value);
        if !key.value.starts_with('/') {
            let seen = format!(
                "the key of {host}, {path}, is no absolute path: Nix dials as root, from another folder"
            );
            // Nix 2.26 hands it to ssh, which looks in root's home or the daemon's folder; 2.34 refuses it.
            let strict = e.nix().ok().and_then(|nix| nix.version.as_ref()?.at_least(2, 34)) == Some(true);
            let said = || e.builds().into_iter().flatten().flat_map(|it| &it.log.refused);
            let refused = strict || said().any(|it| it.why.contains("not an absolute path"));
            let alone = if refused { error } else { Severity::Note };
            let beside = if refused { warning } else { note };
            add(seen, "an absolute path in the third column", option, key.place.clone(), beside, alone);
        } else if key.value.ends_with('/') {
            let seen =
                format!("the key of {host} is {path}, a folder: the third column is no path of a store");
            add(seen, "a private key, or `-`", option, key.place.clone(), warning, error);
        }
    }
    let slow = || machine.speed.parse::<f32>().is_ok_and(|speed| speed == 0.0);
    if slow() {
        let seen = format!("the speed factor of {host} is {}, which Nix reads as 1", line(&machine.speed));
        add(
            seen,
            "a number above 0",
            "nix.linux-builder.speedFactor = 1;",
            machine.column(4),
            note,
            Severity::Note,
        );
    }
    if machine.is_ssh() && !machine.uri.value.contains("://") {
        let seen = format!("the URI {} has no scheme, which means ssh://", machine.uri.value);
        let option = "nix.linux-builder.protocol = \"ssh-ng\";";
        add(seen, "ssh-ng:// before it", option, machine.column(0), note, Severity::Note);
    }
    odd
}

fn set(e: &mut Evidence, from: &str, to: &str) {
    healthy::set_machines(e, &healthy::MACHINES.replace(from, to));
    healthy::hide_builds(e);
}

fn add(e: &mut Evidence, line: &str) {
    healthy::set_machines(e, &format!("{}{line}\n", healthy::MACHINES));
    healthy::hide_builds(e);
}
