//! The key that the daemon dials with is of another pair than the one that the VM authorises.

use super::{ssh_connection_refused, ssh_key_missing, ssh_key_too_open, words_of_daemon};
use crate::checks::prelude::*;
use crate::checks::service::vm_unresponsive;
use crate::evidence::key_pair::{HalfState, INSTALLED, KeyPair, PublicHalf};
use crate::evidence::root_view::ONLY_ROOT;
use crate::fix::fixes::reinstall_keys;
use crate::parse::host_key::ScannedKey;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-key-mismatch",
    title: "The daemon's key is the one that the VM authorises",
    layer: Layer::Ssh,
    severity: Severity::Error,
    // A VM that does not run installs its pair when it is started.
    needs: &[
        &ssh_connection_refused::CHECK,
        &vm_unresponsive::CHECK,
        &ssh_key_missing::CHECK,
        &ssh_key_too_open::CHECK,
    ],
    disproved_by: Proof::ABuildThere,
    why: "At its start the VM is given the public key of its own folder, and its script installs that pair in /etc/nix where \
          the public keys there differ. The folder was made anew since, /etc/nix was restored from a backup, or a second \
          builder installed its own pair. ssh offers the key that the .pub file beside it names, so that one counts as well.",
    remedy: Remedy::same(Advice::disruptive(
        &["sudo rm -f {key}.pub", "sudo launchctl kickstart -k system/{label}"],
        "Without its public half the script installs the pair of the VM's own folder again. The keys are for this VM only. If \
         they differ again later, two builders take turns: see which jobs run QEMU with ps -axo pid,ppid,etime,command.",
    )),
    fixes: &[&reinstall_keys::REINSTALL],
    references: &[
        "nix-darwin/nix-darwin#913",
        "https://github.com/NixOS/nixpkgs/blob/master/nixos/modules/profiles/nix-builder-vm.nix",
    ],
    judge,
    examples: &[
        Example {
            name: "a pair from a backup",
            given: |e| {
                refused(e);
                set_pair(e, |pair| {
                    pair.installed.state = HalfState::Key(other());
                    pair.private = Some(half(INSTALLED, Some(other())));
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "only the private key is of another pair",
            given: |e| {
                refused(e);
                set_pair(e, |pair| pair.private = Some(half(INSTALLED, Some(other()))));
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the public keys differ, and root did not look",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.key_pair {
                    fact.installed.state = HalfState::Key(other());
                }
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the folder is root's, and root did not look",
            given: |e| {
                if let Probe::Seen { fact: KeyPair { own: Some(own), .. }, .. } = &mut e.key_pair {
                    own.state = HalfState::Hidden("permission denied".to_owned());
                }
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
        Example { name: "refused, and one pair all the same", given: refused, expect: Expect::Pass },
        Example {
            name: "another pair, and the guest authorises it by its own settings",
            given: |e| set_pair(e, |pair| pair.installed.state = HalfState::Key(other())),
            expect: Expect::Pass,
        },
        Example { name: "one pair", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "a line with a key of its own",
            given: |e| {
                let own = healthy::MACHINES.replace("/etc/nix/builder_ed25519", "/etc/nix/my_key");
                healthy::set_machines(e, &own);
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    if !e.is_own_vm(machine, want) {
        return moot(format!("the builder is {}, which has its keys elsewhere", machine.host));
    }
    let Some(key) = &machine.key else { return moot("the machine's line leaves the key to ssh") };
    if key.value != INSTALLED {
        return moot(format!("the machine's line names a key of its own, {}", key.value));
    }
    // Whom the guest lets in is its own to say; the files only tell what its script would authorise.
    if words_of_daemon(e, &machine.host)
        .is_ok_and(|words| words.is_none_or(|words| words.fault.is_behind_the_login()))
    {
        return pass("the key is let in");
    }
    let roots = e.root_host().ok().and_then(|here| here.keys.as_ref());
    let pair = match roots.map_or_else(|| e.key_pair(), Ok) {
        Ok(pair) => pair,
        // Root would have seen more than that.
        Err(missing) => return Err(e.root_host().err().unwrap_or(missing)),
    };
    let halves = [pair.own.as_ref(), Some(&pair.installed), pair.private.as_ref()];
    let known: Vec<&PublicHalf> = halves.into_iter().flatten().filter(|half| half.key().is_some()).collect();
    let [first, others @ ..] = known.as_slice() else { return Err(gap(pair, roots.is_some())) };
    if let Some(other) = others.iter().find(|other| other.key() != first.key()) {
        let seen =
            format!("two pairs of keys are mixed: {} and {} do not belong together", first.path, other.path);
        return fail(seen, "one pair of keys").at(Some(&key.place)).word("key", &key.value).verdict();
    }
    if pair.own.is_none() {
        return moot("no job names the folder of the VM's own keys");
    }
    // What the VM authorises is one of the two that have to be known.
    if others.is_empty() || pair.own.as_ref().is_none_or(|own| own.key().is_none()) {
        return Err(gap(pair, roots.is_some()));
    }
    pass(match known.len() {
        3 => "three files, one pair of keys",
        _ => "the public keys that can be read are the same",
    })
}

/// Why there is too little to compare.
fn gap(pair: &KeyPair, as_root: bool) -> Missing {
    if !as_root {
        return Missing { because: ONLY_ROOT.to_owned(), by_choice: true };
    }
    let halves = [pair.own.as_ref(), Some(&pair.installed), pair.private.as_ref()];
    let why = halves.into_iter().flatten().find_map(|half| match &half.state {
        HalfState::Key(_) => None,
        HalfState::Missing => Some(format!("there is no {}", half.path)),
        HalfState::Hidden(why) => Some(format!("{}: {why}", half.path)),
    });
    Missing::new(why.unwrap_or_default())
}

/// A public key of another pair.
fn other() -> ScannedKey {
    let base64 = "AAAAC3NzaC1lZDI1NTE5AAAAIBTZyoKVsXurarPeBH5FRqn09Ocy5kiS3Kzb82zzeErX";
    ScannedKey { kind: "ssh-ed25519".to_owned(), base64: base64.to_owned() }
}

fn half(path: &str, key: Option<ScannedKey>) -> PublicHalf {
    PublicHalf { path: path.to_owned(), state: key.map_or(HalfState::Missing, HalfState::Key) }
}

fn refused(e: &mut Evidence) {
    super::set_words(e, "builder@localhost: Permission denied (publickey,password,keyboard-interactive).");
}

fn set_pair(e: &mut Evidence, change: impl FnOnce(&mut KeyPair)) {
    if let Probe::Seen { fact, .. } = &mut e.root_view
        && let Some(pair) = fact.host.as_mut().and_then(|here| here.keys.as_mut())
    {
        change(pair);
    }
}
