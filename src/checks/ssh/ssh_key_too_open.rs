//! The private key can be read by others, so ssh ignores it.

use super::ssh_key_missing;
use crate::checks::prelude::*;
use crate::evidence::key_files::{KeyFile, KeyState};
use crate::evidence::state_folder::StateFolder;
use crate::fix::fixes::key_mode;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-key-too-open",
    title: "Only root can read the builder's key",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[&ssh_key_missing::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "ssh ignores a private key of its own user's that group or others may read, and the daemon dials as root. The \
          usual reason: the key was opened up so that a plain `ssh linux-builder` works, which is not needed.",
    remedy: Remedy::same(Advice::safe(&["sudo chown {key-owner} {key}", "sudo chmod 600 {key}"], "")),
    fixes: &[&key_mode::CLOSE],
    references: &["nix-darwin/nix-darwin#913"],
    judge,
    examples: &[
        Example { name: "mode 644", given: |e| set(e, "644", 0), expect: Expect::Fail },
        Example { name: "mode 640", given: |e| set(e, "640", 0), expect: Expect::Fail },
        Example {
            name: "an installation for one user, whose key others may read",
            given: |e| {
                e.state_folder =
                    Probe::seen(StateFolder { uid: 501, mode: "755".to_owned() }, "stat /nix/var/nix");
                set(e, "644", 501);
            },
            expect: Expect::Fail,
        },
        Example { name: "mode 600", given: |_| {}, expect: Expect::Pass },
        Example { name: "a mode that cannot be read", given: |e| set(e, "rw", 0), expect: Expect::Unknown },
        Example {
            name: "alice's own key, whose mode root does not mind",
            given: |e| set(e, "644", 501),
            expect: Expect::Pass,
        },
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let Some(key) = &machine.key else { return moot("the machine's line leaves the key to ssh") };
    let found = e.key_files()?.iter().find(|it| it.path == key.value);
    let Some(KeyState::Present { mode, uid }) = found.map(|it| &it.state) else {
        return Err(Missing::new(format!("the mode of {} is not known", key.value)));
    };
    let bits = u32::from_str_radix(mode, 8).map_err(|_| Missing::new(format!("{mode:?} is no mode")))?;
    // ssh minds only the mode of a key that its own user owns: root, or who installed Nix for themselves.
    let dialer = e.state_folder().map_or(0, |folder| folder.uid);
    if *uid == dialer && bits & 0o077 != 0 {
        let seen =
            format!("ssh ignores the builder's key {}: its mode is {mode}, so others may read it", key.value);
        let owner = if *uid == 0 { "root:nixbld".to_owned() } else { uid.to_string() };
        return fail(seen, "mode 600")
            .at(Some(&key.place))
            .word("key", &key.value)
            .word("key-owner", owner)
            .verdict();
    }
    pass(format!("mode {mode}"))
}

fn set(e: &mut Evidence, mode: &str, uid: u32) {
    let state = KeyState::Present { mode: mode.to_owned(), uid };
    e.key_files = Probe::seen(vec![KeyFile { path: "/etc/nix/builder_ed25519".to_owned(), state }], "stat");
    healthy::hide_builds(e);
}
