//! The VM's Nix is to show every build a path that is not there.

use super::{inside, set_inside, ssh_remote_nix_unusable};
use crate::checks::prelude::*;
use crate::evidence::builds::Ended;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-sandbox-path-missing",
    title: "What the VM's sandbox is to show is there",
    layer: Layer::Guest,
    severity: Severity::Error,
    needs: &[&ssh_remote_nix_unusable::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "`extra-sandbox-paths` of the VM's Nix names a path that the VM does not have, so that it can set up no build at all. \
          Most often it is /run/rosetta: virtualisation.rosetta.enable adds it, and a VM of QEMU has no Rosetta.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(&["sudo darwin-rebuild switch", "sudo launchctl kickstart -k system/{label}"], "").after_edit(
                "In nix.linux-builder.config take out what adds {sandbox-path}: virtualisation.rosetta.enable, or a line of \
                 nix.settings.extra-sandbox-paths. Rosetta needs a builder that runs on Apple's Virtualization.framework.",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo ssh {host} nix --extra-experimental-features nix-command config show sandbox-paths"],
            "Take {sandbox-path} out of extra-sandbox-paths in the VM's nix.conf or NixOS configuration, then restart its \
             nix-daemon.",
        ),
    },
    fixes: &[],
    references: &[
        "nix-darwin/nix-darwin#1091",
        "nix-darwin/nix-darwin#1192",
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-sandbox-paths",
    ],
    judge,
    examples: &[
        Example {
            name: "Rosetta's folder in a VM of QEMU",
            given: |e| {
                set_inside(e, |guest| guest.missing_sandbox_paths = vec!["/run/rosetta".to_owned()]);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the test build's log says so",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::set_builds(e, &Ended::Code(1), SAID);
            },
            expect: Expect::Fail,
        },
        Example { name: "all are there", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the VM's Nix builds without a sandbox",
            given: |e| {
                set_inside(e, |guest| {
                    guest.missing_sandbox_paths = vec!["/run/rosetta".to_owned()];
                    guest.sandbox = Some("false".to_owned());
                });
            },
            expect: Expect::Moot,
        },
        Example { name: "root did not look", given: healthy::hide_root_view, expect: Expect::Unknown },
    ],
};

/// After Nix's source, whose words other paths show in public (NixOS/nix#2673), in the frame of a remote build.
const SAID: &str = "\
building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...
error: build of '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder' failed: error:
       … while setting up the build environment

       error: getting attributes of path '/run/rosetta': No such file or directory
";

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let finding = |paths: &[String]| {
        fail(
            format!("the sandbox of the VM's Nix is to show {}, which the VM does not have", and(paths)),
            "paths that are there, or marked as optional by a ? at the end",
        )
        .word("sandbox-path", and(paths))
        .verdict()
    };
    if let Some(path) = said(e) {
        return finding(&[path]);
    }
    let guest = inside(e)?;
    match guest.sandbox.as_deref() {
        None => Err(Missing::new("the VM's Nix does not show its settings")),
        Some("false") => moot("the VM's Nix builds without a sandbox"),
        Some(_) if guest.missing_sandbox_paths.is_empty() => pass("all are there"),
        Some(_) => finding(&guest.missing_sandbox_paths),
    }
}

/// The path that a test build on a machine failed for.
fn said(e: &Evidence) -> Option<String> {
    let builds = e.builds().ok()?;
    let failed = builds.iter().filter(|build| build.log.dispatched_to.is_some() && !build.ran_on_a_builder());
    let mut logs = failed.map(|build| &build.log.tail);
    logs.find_map(|tail| {
        let from = tail.iter().position(|line| line.contains("while setting up the build environment"))?;
        let told = tail.iter().skip(from).find(|line| line.contains("': No such file or directory"))?;
        let (path, _) = told.split_once("getting attributes of path '")?.1.split_once('\'')?;
        // What lies in the store is an input, and no path of the settings.
        (path.starts_with('/') && !path.starts_with("/nix/store/")).then(|| path.to_owned())
    })
}
