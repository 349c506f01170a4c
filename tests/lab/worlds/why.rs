//! Which machine takes a derivation: what `why` says, beside what real Nix does with the same list.
//!
//! All machines are the one VM under several names, which Nix cannot know. Only idle machines are compared: what
//! runs elsewhere at the moment is nothing that `why` can see.

use crate::world::{Expect, Nix, Report, Run, Who, World, text};

const fn run(args: &'static [&'static str], check: fn(&Report) -> Result<(), String>) -> Run {
    Run { who: Who::Alice, args, expect: Expect::That(check) }
}

/// What `why` says is what Nix did.
fn agrees(report: &Report, expected: &str) -> Result<(), String> {
    let said = match text(&report.json, "outcome") {
        "machine" => text(&report.json, "taker"),
        other => other,
    };
    let did = text(&report.json, "nix");
    if said != did {
        let log = text(&report.json, "nix_says");
        return Err(format!("why says {said:?}, and Nix did {did:?}, saying {log}"));
    }
    // Else both could be wrong alike, as where no machine can be reached.
    if said == expected {
        Ok(())
    } else {
        Err(format!("both say {said:?}, and {expected:?} was to be shown"))
    }
}

/// The reason that is given for each machine, in the order of the answer.
fn reasons(report: &Report, expected: &[(&str, &str)]) -> Result<(), String> {
    let machines = report.json["machines"].as_array().map_or(&[][..], Vec::as_slice);
    let found: Vec<(&str, &str)> =
        machines.iter().map(|machine| (text(machine, "name"), text(machine, "reason"))).collect();
    if found == expected { Ok(()) } else { Err(format!("the reasons are {found:?}, not {expected:?}")) }
}

pub const WORLDS: &[World] = &[
    World {
        name: "why-each-reason",
        doc: "Five machines: one lacks the system, one a feature, one has a mandatory feature, two differ in speed.",
        before: r#"
            aliases a b c d
            machines "$(machine_at a x86_64-linux 4 9 kvm)" "$(machine_at b aarch64-linux 4 8)" "$(machine_at c aarch64-linux 4 7 kvm nixos-test)" \
            "$(machine_at d aarch64-linux 4 1 kvm)" "$(machine aarch64-linux '' 4 2 kvm)"
        "#,
        run: &[
            run(
                &["why --json --system aarch64-linux --features kvm | beside_nix aarch64-linux '\"kvm\"'"],
                |report| {
                    reasons(
                        report,
                        &[
                            ("linux-builder", ""),
                            ("d", "slower"),
                            ("a", "system-not-offered"),
                            ("b", "features-not-supported"),
                            ("c", "mandatory-not-required"),
                        ],
                    )?;
                    agrees(report, "ssh-ng://builder@linux-builder")
                },
            ),
            run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
                agrees(report, "ssh-ng://builder@b")
            }),
            run(
                &[
                    "why --json --system aarch64-linux --features nixos-test | beside_nix aarch64-linux '\"nixos-test\"'",
                ],
                |report| agrees(report, "ssh-ng://builder@c"),
            ),
            run(&["why --json --system x86_64-linux | beside_nix x86_64-linux"], |report| {
                agrees(report, "ssh-ng://builder@a")
            }),
            run(
                &[
                    "why --json --system x86_64-linux --features uid-range | beside_nix x86_64-linux '\"uid-range\"'",
                ],
                |report| agrees(report, "nobody"),
            ),
        ],
        ..World::HEALTHY
    },
    World {
        name: "why-equal-machines",
        doc: "Machines of one speed, where 0 counts as 1: the first line wins.",
        before: r#"
            aliases a b c d
            machines "$(machine_at a aarch64-linux 1 0)" "$(machine_at b aarch64-linux 4 1)" "$(machine_at c aarch64-linux 4 0.5)"
        "#,
        run: &[run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
            reasons(report, &[("a", ""), ("b", "later"), ("c", "slower")])?;
            agrees(report, "ssh-ng://builder@a")
        })],
        ..World::HEALTHY
    },
    World {
        name: "why-one-store-twice",
        doc: "Two lines of one store with a single slot: the second, which is faster, finds it taken by the first.",
        before: r#"
            aliases a b c d
            machines "$(machine_at a aarch64-linux 1 1)" "$(machine_at a aarch64-linux 1 3)" "$(machine_at c aarch64-linux 1 2)"
        "#,
        run: &[run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
            reasons(report, &[("c", ""), ("a", "slower"), ("a", "same-slot")])?;
            agrees(report, "ssh-ng://builder@c")
        })],
        ..World::HEALTHY
    },
    World {
        name: "why-no-slot",
        doc: "The only machine that could take it has 0 jobs, and waiting for it never ends.",
        before: r#"
            aliases a b c d
            machines "$(machine_at a aarch64-linux,aarch64-darwin 0)" "$(machine_at b x86_64-linux)"
        "#,
        run: &[
            run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
                reasons(report, &[("a", "no-slots"), ("b", "system-not-offered")])?;
                agrees(report, "waits")
            }),
            // This machine stands in where it can.
            run(&["why --json --system aarch64-darwin | beside_nix aarch64-darwin"], |report| {
                agrees(report, "itself")
            }),
        ],
        ..World::HEALTHY
    },
    World {
        name: "why-this-mac",
        doc: "A machine that states no system has the Mac's: it takes what the Mac could build too.",
        before: r#"
            aliases a b c d
            machines "$(machine_at a -)" "$(machine_at b x86_64-linux)"
        "#,
        run: &[
            run(&["why --json --system x86_64-darwin | beside_nix x86_64-darwin"], |report| {
                agrees(report, "itself")
            }),
            run(
                &[
                    "why --json --system aarch64-darwin --features apple-virt | beside_nix aarch64-darwin '\"apple-virt\"'",
                ],
                |report| {
                    reasons(report, &[("a", "features-not-supported"), ("b", "system-not-offered")])?;
                    agrees(report, "itself")
                },
            ),
            run(
                &[
                    "why --json $(as_alice nix eval --raw --expr",
                    r#"'(derivation { name = "local"; system = "aarch64-darwin"; builder = "/bin/sh"; preferLocalBuild = true; }).drvPath')"#,
                    "| beside_nix aarch64-darwin '' 'preferLocalBuild = true;'",
                ],
                |report| agrees(report, "itself"),
            ),
            run(&["why --json nixpkgs#hello | beside_nix aarch64-linux '\"uid-range\"'"], |report| {
                let required = &report.json["required"];
                match (text(required, "name"), text(required, "system"), text(&report.json, "taker")) {
                    ("hello-2.12.2", "aarch64-darwin", "ssh-ng://builder@a") => Ok(()),
                    other => Err(format!("{other:?}")),
                }
            }),
        ],
        ..World::HEALTHY
    },
    World {
        name: "why-list-refused",
        doc: "A line cannot be read: Nix refuses them all, and with them the Mac's own builds, but those that ask nobody.",
        before: r#"
            aliases a b c d
            machines "$(machine_at a aarch64-linux)" "$(machine_at b aarch64-linux many)"
        "#,
        run: &[
            run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
                nobody_as(report, "refused")
            }),
            run(&["why --json --system aarch64-darwin | beside_nix aarch64-darwin"], |report| {
                nobody_as(report, "refused")
            }),
            run(
                &[
                    "why --json $(as_alice nix eval --raw --expr",
                    r#"'(derivation { name = "local"; system = "aarch64-darwin"; builder = "/bin/sh"; preferLocalBuild = true; }).drvPath')"#,
                    "| beside_nix aarch64-darwin '' 'preferLocalBuild = true;'",
                ],
                |report| agrees(report, "itself"),
            ),
        ],
        ..World::HEALTHY
    },
    World {
        name: "why-next-where-one-is-off",
        doc: "The fastest machine cannot be reached, nor can one line of a store of two: Nix goes on to the next.",
        before: r#"
            aliases a c
            machines "$(machine_at off aarch64-linux 1 9)" "$(machine_at off2 aarch64-linux 2 3)" "$(machine_at off2 aarch64-linux 2 3)" \
                "$(machine_at a aarch64-linux 1 1)" "$(machine_at c aarch64-linux 1 2)"
        "#,
        run: &[run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
            let tried: Vec<String> = text(&report.json, "nix_says")
                .lines()
                .filter_map(|line| Some(machine_of(line)?.to_owned()))
                .collect();
            let order = report.json["machines"].as_array().map_or(&[][..], Vec::as_slice);
            let order: Vec<&str> =
                order.iter().map(|machine| text(machine, "store")).take(tried.len()).collect();
            if tried == order && tried.len() == 4 { Ok(()) } else { Err(format!("{tried:?}, not {order:?}")) }
        })],
        ..World::HEALTHY
    },
    World {
        name: "why-external-builder",
        doc: "A program on the Mac takes Linux builds, beside a machine for x86_64-linux that takes 0 jobs.",
        before: "native_builder; machines \"$(machine x86_64-linux '' 0)\"",
        run: &[
            run(
                &["why --json --system aarch64-linux --features kvm | beside_nix aarch64-linux '\"kvm\"'"],
                external,
            ),
            // The hook knows nothing of the program, and so has the build wait for a slot.
            run(&["why --json --system x86_64-linux | beside_nix x86_64-linux"], |report| {
                agrees(report, "waits")
            }),
            run(
                &[
                    "why --json $(as_alice nix eval --raw --expr",
                    r#"'(derivation { name = "local"; system = "x86_64-linux"; builder = "/bin/sh"; preferLocalBuild = true; }).drvPath')"#,
                    "| beside_nix x86_64-linux '' 'preferLocalBuild = true;'",
                ],
                external,
            ),
        ],
        ..World::HEALTHY
    },
    World {
        name: "why-max-jobs-0",
        doc: "max-jobs is 0, so that the Mac builds nothing: not by itself, nor by its program for Linux builds.",
        before: "native_builder; edit_etc nix/nix.conf 's/^max-jobs.*/max-jobs = 0/'; machines \"$(machine x86_64-linux)\"",
        run: &[
            run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
                agrees(report, "nobody")
            }),
            run(&["why --json --system aarch64-darwin | beside_nix aarch64-darwin"], |report| {
                agrees(report, "nobody")
            }),
            run(&["why --json --system x86_64-linux | beside_nix x86_64-linux"], |report| {
                agrees(report, "ssh-ng://builder@linux-builder")
            }),
            run(
                &[
                    "why --json $(as_alice nix eval --raw --expr",
                    r#"'(derivation { name = "local"; system = "x86_64-linux"; builder = "/bin/sh"; preferLocalBuild = true; }).drvPath')"#,
                    "| beside_nix x86_64-linux '' 'preferLocalBuild = true;'",
                ],
                |report| agrees(report, "nobody"),
            ),
        ],
        ..World::HEALTHY
    },
    World {
        name: "why-2-26",
        nix: Nix::Nix226,
        doc: "An older Nix, which shows derivations in another form, and decides alike.",
        before: r#"
            aliases a b c
            machines "$(machine_at a aarch64-linux 4 3 kvm nixos-test)" "$(machine_at b aarch64-linux 4 2)" \
                "$(machine_at c aarch64-linux 4 1 kvm)"
        "#,
        run: &[
            run(
                &[
                    "why --json $(as_alice nix eval --raw --expr",
                    r#"'(derivation { name = "old"; system = "aarch64-linux"; builder = "/bin/sh"; __structuredAttrs = true; requiredSystemFeatures = [ "kvm" ]; }).drvPath')"#,
                    "| beside_nix aarch64-linux '\"kvm\"'",
                ],
                |report| {
                    let refused = [("a", "mandatory-not-required"), ("b", "features-not-supported")];
                    reasons(report, &[("c", ""), refused[0], refused[1]])?;
                    agrees(report, "ssh-ng://builder@c")
                },
            ),
            run(&["why --json --system aarch64-darwin | beside_nix aarch64-darwin"], |report| {
                agrees(report, "itself")
            }),
        ],
        ..World::HEALTHY
    },
    World {
        name: "why-no-machine",
        doc: "builders is empty: nothing is there to ask, and the Mac builds what it can.",
        before: "edit_etc nix/nix.conf '$a builders ='",
        run: &[
            run(&["why --json --system aarch64-linux | beside_nix aarch64-linux"], |report| {
                agrees(report, "nobody")
            }),
            run(&["why --json --system aarch64-darwin | beside_nix aarch64-darwin"], |report| {
                agrees(report, "itself")
            }),
            run(
                &["why --json --system aarch64-darwin --features kvm | beside_nix aarch64-darwin '\"kvm\"'"],
                |report| agrees(report, "nobody"),
            ),
        ],
        ..World::HEALTHY
    },
];

/// The machine of a line of Nix's log: one that it could not reach, or the one that took the build.
fn machine_of(line: &str) -> Option<&str> {
    let (_, rest) = line.split_once("cannot build on '").or_else(|| line.split_once(".drv' on '"))?;
    rest.split_once('\'').map(|(machine, _)| machine)
}

/// The program of external-builders takes it, which to Nix is a build of its own.
fn external(report: &Report) -> Result<(), String> {
    match (text(&report.json, "outcome"), text(&report.json, "nix")) {
        ("external-builder", "itself") => Ok(()),
        other => Err(format!("{other:?}, and Nix says {}", text(&report.json, "nix_says"))),
    }
}

fn nobody_as(report: &Report, outcome: &str) -> Result<(), String> {
    match (text(&report.json, "outcome"), text(&report.json, "nix")) {
        (said, "nobody") if said == outcome => Ok(()),
        other => Err(format!("{other:?}, not {outcome:?} and \"nobody\"")),
    }
}
