//! The file that `builders` names is not there, or names no machine.

use crate::checks::config::{
    builder_not_configured, builders_empty, client_setting_refused_untrusted, nix_remote_systems_env,
};
use crate::checks::nix::nix_not_installed;
use crate::checks::prelude::*;
use crate::parse::machines::SourceState;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-file-missing",
    title: "The machines file is there and names a machine",
    layer: Layer::Machines,
    severity: Severity::Error,
    needs: &[
        &nix_not_installed::CHECK,
        &client_setting_refused_untrusted::CHECK,
        &nix_remote_systems_env::CHECK,
        &builder_not_configured::CHECK,
        &builders_empty::CHECK,
    ],
    disproved_by: Proof::ABuild,
    why: "Nix passes over a machines file that is missing, empty or a link into nowhere without a word, and then \
          knows no machine. With Determinate's Nix, or nix.enable = false, nix-darwin does not write the file.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo darwin-rebuild switch"], "")
                .after_edit("In your nix-darwin configuration:\n\n    nix.linux-builder.enable = true;"),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["ls -l /etc/nix/machines"],
            "The line for nixpkgs' stock builder; no restart is needed:\n\n    \
             ssh-ng://builder@linux-builder aarch64-linux /etc/nix/builder_ed25519 4 1 kvm,benchmark,big-parallel,nixos-test - \
             c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=",
        ),
    },
    fixes: &[],
    references: &["nix-darwin/nix-darwin#1505"],
    judge,
    examples: &[
        Example { name: "no file", given: |e| set(e, None), expect: Expect::Fail },
        Example {
            name: "only a comment",
            given: |e| set(e, Some("# ssh-ng://builder@linux-builder\n")),
            expect: Expect::Fail,
        },
        Example { name: "one machine", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the machine stands in `builders` itself",
            given: |e| healthy::set_builders(e, healthy::MACHINES.trim(), None),
            expect: Expect::Pass,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = crate::checks::config::external(e) {
        return Ok(moot);
    }
    let all = e.machines()?;
    if !all.machines.is_empty() || all.refused().is_some() {
        return pass(crate::prose::count(all.machines.len(), "machine"));
    }
    let gaps: Vec<String> = all
        .sources
        .iter()
        .skip(1)
        .filter_map(|source| match &source.state {
            SourceState::Missing => Some(format!("{} is not there", source.path)),
            SourceState::Empty => Some(format!("{} names no machine", source.path)),
            SourceState::Unreadable(why) => Some(format!("{} cannot be read ({why})", source.path)),
            SourceState::Present => None,
        })
        .collect();
    let seen =
        if gaps.is_empty() { "`builders` names no machine".to_owned() } else { crate::prose::and(&gaps) };
    fail(seen, "a line that names the Linux builder").verdict()
}

fn set(e: &mut Evidence, file: Option<&str>) {
    healthy::set_builders(e, "@/etc/nix/machines", file);
    healthy::hide_builds(e);
}
