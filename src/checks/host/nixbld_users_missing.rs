//! The daemon has no users as whom to build on this Mac itself: an update of macOS took their numbers.

use crate::checks::prelude::*;
use crate::evidence::build_users::{BuildUsers, Shared};
use crate::evidence::builds::Ended;
use crate::prose::{and, count};

/// See the module.
pub static CHECK: Check = Check {
    id: "nixbld-users-missing",
    title: "The users as whom Nix builds on this Mac are there",
    layer: Layer::Host,
    // What a builder builds needs none of them; it is an error where a test build for Linux ended for want of them.
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "macOS 15 gave the numbers 300 to 304 to users of its own and so removed _nixbld1 to _nixbld4; moving to a new \
          Mac may lose all of them. The daemon then refuses what it has to build on this Mac itself, and with it every \
          build for Linux that needs such a step: the user '_nixbld1' in the group 'nixbld' does not exist.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["dscl . -list /Users UniqueID | grep _nixbld", "sudo darwin-rebuild switch"],
            "The second command either makes the users again or ends with the command that moves them.",
        )),
        determinate: Some(Advice::manual(
            &["sudo /nix/nix-installer repair sequoia --move-existing-users"],
            "It moves the users to numbers that macOS leaves alone.",
        )),
        otherwise: Advice::manual(
            &[
                "curl --proto '=https' --tlsv1.2 -sSf -L -o nixbld-user-migration.sh https://github.com/NixOS/nix/raw/master/scripts/sequoia-nixbld-user-migration.sh",
                "bash nixbld-user-migration.sh",
            ],
            "Nix's own script makes the users again, with numbers that macOS leaves alone; read it before running it, as \
             it calls sudo.",
        ),
    },
    fixes: &[],
    references: &[
        "NixOS/nix#10892",
        "NixOS/nix#11364",
        "NixOS/nix#10521",
        "NixOS/nix#11661",
        "nix-darwin/nix-darwin#970",
    ],
    judge,
    examples: &[
        Example {
            name: "macOS 15 took four of them",
            given: |e| {
                set(e, |users| users.missing = (1..=4).map(|n| format!("_nixbld{n}")).collect());
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the same, and no build ran",
            given: |e| {
                set(e, |users| users.missing = vec!["_nixbld1".to_owned()]);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "no such group", given: |e| set(e, |users| users.gid = None), expect: Expect::Fail },
        Example {
            name: "one has the number of a user of macOS",
            given: |e| {
                let shared = Shared { user: "_nixbld1".to_owned(), with: "_modelmanagerd".to_owned() };
                set(e, |users| users.shared = vec![shared]);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a build that needs one of them, as an external builder's does",
            given: |e| {
                set(e, |users| users.missing = vec!["_nixbld1".to_owned()]);
                healthy::set_builds(
                    e,
                    &Ended::Code(1),
                    "error: the user '_nixbld1' in the group 'nixbld' does not exist\n",
                );
            },
            expect: Expect::Fail,
        },
        Example { name: "32 users", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "no daemon, which alone needs them",
            given: |e| {
                set(e, |users| users.gid = None);
                if let Probe::Seen { fact, .. } = &mut e.nix_daemon {
                    fact.info.succeeded = false;
                }
            },
            expect: Expect::Moot,
        },
        Example {
            name: "--quick",
            given: |e| e.build_users = Probe::not_taken("--quick"),
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let users = e.build_users()?;
    if !e.nix_daemon()?.info.succeeded {
        return moot("no daemon answers, which alone needs them");
    }
    let group = &users.group;
    let seen = if users.gid.is_none() {
        format!("the group {group} does not exist")
    } else if users.members == 0 {
        format!("the group {group} has no members")
    } else if let [first, rest @ ..] = users.missing.as_slice() {
        let others = if rest.is_empty() { String::new() } else { format!(" (nor {})", and(rest)) };
        format!("{first}, a member of the group {group}, does not exist{others}")
    } else if let Some(shared) = users.shared.first() {
        format!("{} has the same number as {}", shared.user, shared.with)
    } else {
        return pass(count(users.members, "build user"));
    };
    let finding = fail(seen, format!("the members of {group}, each a user of its own"));
    let ended_by_it = e.builds().is_ok_and(|builds| {
        builds
            .iter()
            .any(|build| !build.ran_on_a_builder() && build.log.tail.iter().any(|line| is_named_in(line)))
    });
    if ended_by_it { finding.as_bad_as(Severity::Error).verdict() } else { finding.verdict() }
}

/// Whether the daemon complains of its build users here (Nix 2.34.8, and its source).
pub fn is_named_in(text: &str) -> bool {
    let says = |all: [&str; 2]| all.iter().all(|words| text.contains(words));
    says(["in the group '", "does not exist"])
        || says(["'build-users-group'", "does not exist"])
        || says(["build users group '", "has no members"])
}

fn set(e: &mut Evidence, change: impl FnOnce(&mut BuildUsers)) {
    if let Probe::Seen { fact, .. } = &mut e.build_users {
        change(fact);
    }
}
