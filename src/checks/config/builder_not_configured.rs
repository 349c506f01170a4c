//! Nothing of a builder is there: no launchd job, no alias, no machine.

use super::{determinate_vs_nix_darwin, nixpkgs_qemu_vm_virtiofs_window};
use crate::checks::host::host_cannot_virtualise;
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-not-configured",
    title: "A Linux builder is set up on this Mac",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[
        &host_cannot_virtualise::CHECK,
        &nix_config_unreadable::CHECK,
        &super::client_setting_refused_untrusted::CHECK,
        &super::nix_remote_systems_env::CHECK,
        &determinate_vs_nix_darwin::CHECK,
        &nixpkgs_qemu_vm_virtiofs_window::CHECK,
    ],
    disproved_by: Proof::ABuild,
    why: "There is no launchd job, no ssh alias and no line in the machines file: nobody has set a Linux builder up \
          here yet, or disabling it removed all three.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit("In your nix-darwin configuration:\n\n    nix.linux-builder.enable = true;\n\nLeave \
             nix.linux-builder.config alone the first time: the stock VM comes from the cache, a changed one needs a \
             Linux builder to be built.")),
        determinate: Some(Advice::manual(
            &["determinate-nixd version"],
            "nix-darwin's nix.linux-builder needs nix.enable, which Determinate's Nix excludes. Either Determinate's \
             own Linux builder (the command lists whether native-linux-builder is enabled for you), or a builder with \
             a launchd job of its own, with its line in /etc/nix/machines.",
        )),
        otherwise: Advice::manual(
            &["nix run nixpkgs#darwin.linux-builder"],
            "The command starts the stock VM by hand, and installs its key. To have it managed, use nix-darwin's \
             nix.linux-builder.enable.",
        ),
    },
    fixes: &[],
    references: &[
        "nix-darwin/nix-darwin#1505",
        "https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder",
    ],
    judge,
    examples: &[
        Example { name: "a Mac without any of it", given: super::nothing, expect: Expect::Fail },
        Example { name: "all of it", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "another builder, and no job",
            given: |e| {
                super::nothing(e);
                healthy::set_machines(
                    e,
                    "ssh-ng://rosetta-builder aarch64-linux,x86_64-linux - 8 1 kvm - -\n",
                );
            },
            expect: Expect::Pass,
        },
        Example {
            name: "Determinate's native Linux builder",
            given: |e| {
                super::nothing(e);
                if let Probe::Seen { fact: crate::evidence::nix_config::ConfigView::Read(config), .. } = &mut e.nix_config {
                    config.external_builders = Some("[{\"systems\":[\"aarch64-linux\"],\"program\":\"/usr/local/bin/determinate-nixd\"}]".to_owned());
                }
            },
            expect: Expect::Moot,
        },
        Example {
            name: "not a Mac",
            given: |e| {
                super::nothing(e);
                healthy::on_linux(e);
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if let Some(moot) = crate::checks::config::external(e) {
        return Ok(moot);
    }
    if let Some(what) = super::set_up(e, want)? {
        return pass(what);
    }
    let (label, host) = (&e.builder_job()?.label, &want.builder.host);
    let seen = format!(
        "there is no Linux builder on this Mac: no launchd job {label}, no ssh alias {host}, no machine"
    );
    fail(seen, "a Linux builder that is set up").verdict()
}
