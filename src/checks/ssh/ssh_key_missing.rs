//! The private key that the machines file names is not there.

use crate::checks::prelude::*;
use crate::evidence::key_files::{KeyFile, KeyState};
use crate::fix::fixes::reinstall_keys;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-key-missing",
    title: "The builder's private key is there",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[&crate::checks::machines::machines_odd_fields::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "The VM's start script makes the key pair and installs it in /etc/nix. It ended before it got there, or /etc/nix was \
          wiped since.",
    remedy: Remedy {
        nix_darwin: None,
        determinate: None,
        otherwise: Advice::disruptive(
            &["sudo launchctl kickstart -k system/{label}"],
            "At its start the VM's script installs the key anew where it differs from the one in its own folder.",
        ),
    },
    fixes: &[&reinstall_keys::REINSTALL],
    references: &["NixOS/nixpkgs nixos/modules/profiles/nix-builder-vm.nix"],
    judge,
    examples: &[
        Example { name: "no file", given: |e| set(e, KeyState::Missing), expect: Expect::Fail },
        Example { name: "the file is there", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the folder cannot be entered",
            given: |e| set(e, KeyState::Hidden("permission denied".to_owned())),
            expect: Expect::Unknown,
        },
        Example {
            name: "the line names no key",
            given: |e| healthy::set_machines(e, &healthy::MACHINES.replace("/etc/nix/builder_ed25519", "-")),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let Some(key) = &machine.key else { return moot("the machine's line leaves the key to ssh") };
    let found = e.key_files()?.iter().find(|it| it.path == key.value);
    match found.map(|it| &it.state) {
        Some(KeyState::Present { .. }) => pass(&key.value),
        Some(KeyState::Missing) => fail(
            format!("the builder's key {} is not there", key.value),
            "a private key, owner root, mode 600",
        )
        .at(Some(&key.place))
        .word("key", &key.value)
        .verdict(),
        Some(KeyState::Hidden(why)) => Err(Missing::new(format!("{}: {why}", key.value))),
        None => Err(Missing::new(format!("{} was not looked at", key.value))),
    }
}

fn set(e: &mut Evidence, state: KeyState) {
    e.key_files = Probe::seen(vec![KeyFile { path: "/etc/nix/builder_ed25519".to_owned(), state }], "stat");
    healthy::hide_builds(e);
}
