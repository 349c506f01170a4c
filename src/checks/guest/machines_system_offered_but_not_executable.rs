//! The machines file offers a system that the VM cannot run.

use super::{set_inside, ssh_remote_nix_unusable};
use crate::checks::machines::machines_system_not_offered;
use crate::checks::prelude::*;
use crate::evidence::builds::Ended;
use crate::evidence::guest::Guest;
use crate::parse::build_log::Outcome;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-system-offered-but-not-executable",
    title: "The VM can run every system that is offered for it",
    layer: Layer::Guest,
    severity: Severity::Warning,
    needs: &[&machines_system_not_offered::CHECK, &ssh_remote_nix_unusable::CHECK],
    disproved_by: Proof::Nothing,
    why: "The machines file sends builds for this system to the VM, and the VM's own Nix refuses them: it has no emulation \
          for it. Both halves are needed, the offer and the emulation.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch", "sudo launchctl kickstart -k system/{label}"], "").after_edit("In your nix-darwin configuration:\n\n    \
             nix.linux-builder.config.boot.binfmt.emulatedSystems = [ \"{offered-system}\" ];\n\nOr take {offered-system} out of \
             nix.linux-builder.systems.")),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo -e {file}"],
            "Give the VM emulation for {offered-system} (boot.binfmt.emulatedSystems in its NixOS configuration), or take it out \
             of the second column.",
        ),
    },
    fixes: &[],
    references: &["cpick/nix-rosetta-builder#5", "nix-darwin/nix-darwin#1192"],
    judge,
    examples: &[
        Example {
            name: "the VM's Nix builds for aarch64-linux only",
            given: |e| {
                set_inside(e, |guest| guest.systems = vec!["aarch64-linux".to_owned()]);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the test build for x86_64-linux is refused in the VM",
            given: |e| {
                healthy::hide_root_view(e);
                let refused = crate::parse::build_log::parse(REFUSED, Some(1));
                let x86 = healthy::run("x86_64-linux", None, Ended::Code(1), refused);
                if let Probe::Seen { fact, .. } = &mut e.builds {
                    fact.retain(|build| build.system != x86.system);
                    fact.push(x86);
                }
            },
            expect: Expect::Fail,
        },
        Example { name: "the VM emulates x86_64-linux", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "nobody tried",
            given: |e| {
                healthy::hide_root_view(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
        Example { name: "no Linux builder is declared", given: healthy::no_builder, expect: Expect::Moot },
    ],
};

/// Captured from Nix 2.34.8.
const REFUSED: &str = "\
building '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder'...
error: build of '/nix/store/0-x.drv' on 'ssh-ng://builder@linux-builder' failed: Cannot build '/nix/store/0-x.drv'.
       Reason: platform mismatch
       Required system: 'x86_64-linux'
       Current system: 'aarch64-linux'
error: Cannot build '/nix/store/0-x.drv'.
       Reason: builder failed with exit code 1.
";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let refused = |system: &str| {
        let build = e.build_of(system, None).ok()?;
        Some(matches!(build.log.outcome, Outcome::PlatformMismatchInGuest { .. }))
    };
    let runs = |system: &str| {
        e.build_of(system, None).is_ok_and(crate::evidence::builds::BuildRun::ran_on_a_builder)
    };
    let inside = super::inside(e).ok().filter(|guest| !guest.systems.is_empty());
    let mut told = false;
    for field in &machine.systems {
        let system = &field.value;
        let lacks = inside.map(|guest| !guest.systems.contains(system));
        let verdict = if runs(system) { Some(false) } else { refused(system).filter(|it| *it).or(lacks) };
        told |= verdict.is_some();
        if verdict == Some(true) {
            return fail(
                format!(
                    "{} is offered for {}, and the VM's Nix refuses it{}",
                    system,
                    machine.host,
                    emulation(inside, system)
                ),
                format!("a VM that can run {system}"),
            )
            .at(Some(&field.place))
            .word("offered-system", system)
            .word("file", &field.place.path)
            .verdict();
        }
    }
    if !told {
        e.root_view()?;
        return Err(Missing::new("neither a test build nor the VM's settings tell"));
    }
    let systems: Vec<&str> = machine.systems.iter().map(|it| it.value.as_str()).collect();
    pass(and(&systems))
}

/// Which half is missing, where the VM's kernel tells: NixOS names an emulator for its system.
fn emulation(inside: Option<&Guest>, system: &str) -> &'static str {
    match inside.and_then(|guest| guest.binfmt.as_ref()) {
        Some(known) if known.iter().any(|it| it == system || it == "rosetta") => {
            ": the emulator is there, and the VM's extra-platforms does not name the system"
        }
        Some(_) => ": its kernel has no emulator for it (binfmt_misc)",
        None => "",
    }
}
