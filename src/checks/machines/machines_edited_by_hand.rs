//! nix-darwin makes a machines file, and another one stands in its place.

use crate::checks::prelude::*;
use crate::evidence::machines::MachinesFile;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-edited-by-hand",
    title: "/etc/nix/machines is the one that nix-darwin makes",
    layer: Layer::Machines,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "nix-darwin keeps /etc/nix/machines as a link to its own file. Somebody put a file of his own there; what the \
          configuration says of builders then has no effect, and the next `darwin-rebuild switch` replaces the file, or ends with \
          `Unexpected files in /etc, aborting activation`.",
    remedy: Remedy::same(
        Advice::manual(
            &[
                "diff /etc/static/nix/machines /etc/nix/machines",
                "sudo mv /etc/nix/machines /etc/nix/machines.before-nix-darwin",
                "sudo darwin-rebuild switch",
            ],
            "The first command shows what is different; nothing is lost, as the file is kept under another name.",
        )
        .after_edit(
            "Put what is worth keeping of /etc/nix/machines into nix.linux-builder and nix.buildMachines of your \
             nix-darwin configuration.",
        ),
    ),
    fixes: &[],
    references: &["https://github.com/nix-darwin/nix-darwin/blob/master/modules/system/etc.nix"],
    judge,
    examples: &[
        Example {
            name: "a file",
            given: |e| set(e, |file| *file = MachinesFile { exists: true, managed: true, ..MachinesFile::default() }),
            expect: Expect::Fail,
        },
        Example {
            name: "a link to somewhere else",
            given: |e| {
                set(e, |file| {
                    file.target = Some("/Users/alice/dotfiles/machines".to_owned());
                    file.is_the_managed = false;
                })
            },
            expect: Expect::Fail,
        },
        Example { name: "nix-darwin's link", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "nix-darwin makes none",
            given: |e| set(e, |file| *file = MachinesFile { exists: true, ..MachinesFile::default() }),
            expect: Expect::Moot,
        },
        Example {
            name: "it is gone, which is another fault",
            given: |e| set(e, |file| file.exists = false),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let file = e.machines_file()?;
    if !file.managed {
        return moot("nix-darwin makes no machines file here");
    }
    if !file.exists {
        return moot("/etc/nix/machines is not there");
    }
    if file.is_the_managed {
        return pass("nix-darwin's own");
    }
    let what = match &file.target {
        Some(target) => format!("a link to {target}"),
        None => "a file of its own".to_owned(),
    };
    fail(
        format!("/etc/nix/machines is {what}, though nix-darwin makes one"),
        "a link to /etc/static/nix/machines",
    )
    .verdict()
}

fn set(e: &mut Evidence, change: impl FnOnce(&mut MachinesFile)) {
    if let Probe::Seen { fact, .. } = &mut e.machines_file {
        change(fact);
    }
}
