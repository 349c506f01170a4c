//! ssh refuses a file of its own configuration for its owner or mode.

use crate::checks::prelude::*;
use crate::evidence::ssh::{SshFile, SshHost};
use crate::fix::fixes::ssh_files;
use crate::parse::ssh_config::SshConfigError;
use crate::parse::store_info::SshFault;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-config-bad-permissions",
    title: "ssh accepts its configuration",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "ssh stops at a file in /etc/ssh/ssh_config.d that somebody other than root could change, for every host and \
          every user, the daemon included.",
    remedy: Remedy::same(Advice::manual(
        &["sudo chown root:wheel {ssh-file}", "sudo chmod 644 {ssh-file}"],
        "If the file is a link into the Nix store, activate your configuration again instead: sudo darwin-rebuild switch.",
    )),
    fixes: &[&ssh_files::OWNER],
    references: &["https://man.openbsd.org/ssh_config.5#FILES"],
    judge,
    examples: &[
        Example {
            name: "the alias file belongs to alice",
            given: |e| {
                let error =
                    SshConfigError::BadOwner("/etc/ssh/ssh_config.d/100-linux-builder.conf".to_owned());
                let host = "linux-builder".to_owned();
                e.ssh = Probe::seen(
                    vec![SshHost { host, view: None, error: Some(error), no_answer: None }],
                    "ssh -G",
                );
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "alice owns the alias file, and her own ssh takes it",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.ssh_files {
                    fact.iter_mut().for_each(|file| file.uid = 501);
                }
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "a sound configuration", given: |_| {}, expect: Expect::Pass },
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
    ],
};

/// A file that ssh refuses when root runs it: another owner than root, or others may write it. Some ssh
/// take a file that its group may write, so that alone is not held against it.
fn unsafe_file(e: &Evidence) -> Result<Option<&SshFile>, Missing> {
    let bad = |mode: &str| u32::from_str_radix(mode, 8).is_ok_and(|bits| bits & 0o002 != 0);
    Ok(e.ssh_files()?.iter().find(|file| file.uid != 0 || bad(&file.mode)))
}

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let by_root = super::words_of_root(e).ok().flatten().and_then(|words| match &words.fault {
        SshFault::BadOwner(path) => Some(path),
        _ => None,
    });
    let ssh = e.ssh_of(&machine.host)?;
    let path = match (&ssh.error, by_root) {
        (Some(SshConfigError::BadOwner(path)), _) | (_, Some(path)) => path,
        (Some(other), None) => return Err(Missing::new(format!("ssh refuses its configuration: {other:?}"))),
        (None, None) => {
            return match unsafe_file(e)? {
                Some(SshFile { path, uid, mode }) => {
                    let seen = format!("root's ssh refuses {path}: owner {uid}, mode {mode}");
                    fail(seen, "owner root, mode 644").word("ssh-file", path).verdict()
                }
                None if ssh.view.is_some() => pass("`ssh -G` answers"),
                None => Err(Missing::new(ssh.no_answer.clone().unwrap_or_default())),
            };
        }
    };
    fail(format!("ssh says `Bad owner or permissions on {path}` and stops"), "owner root, mode 644")
        .word("ssh-file", path)
        .verdict()
}
