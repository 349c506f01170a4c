//! The machine that would take a build lacks a system feature that is demanded.

use super::{builders_bad_machine_spec, machines_odd_fields, machines_system_not_offered, takes};
use crate::checks::config::builders_inline_shadows_machines_file;
use crate::checks::prelude::*;
use crate::fix::fixes::machine_line;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-feature-missing",
    title: "A machine offers the demanded system features",
    layer: Layer::Machines,
    severity: Severity::Error,
    needs: &[
        &builders_inline_shadows_machines_file::CHECK,
        &builders_bad_machine_spec::CHECK,
        &machines_odd_fields::CHECK,
        &machines_system_not_offered::CHECK,
    ],
    disproved_by: Proof::EveryBuild,
    why: "A NixOS test demands the feature nixos-test. Nix gives it only to a machine whose sixth column names the \
          feature, for the right system; nix-darwin's default is kvm,benchmark,big-parallel without it.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration:\n\n    \
             nix.linux-builder.supportedFeatures = [ {all-features} ];",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo -e {file}"],
            "Add {missing-feature} to the sixth column, with a comma and no space. No restart is needed.",
        ),
    },
    fixes: &[&machine_line::FEATURE],
    references: &["NixOS/nix#2238", "supabase/postgres#1999", "cpick/nix-rosetta-builder#40"],
    judge,
    examples: &[
        Example {
            name: "nix-darwin's default features, and nixos-test in a comment",
            given: |e| {
                let line = healthy::MACHINES.replace(",nixos-test", "");
                healthy::set_machines(e, &format!("# nixos-test\n{line}"));
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "nixos-test on another system's machine",
            given: |e| {
                let line = healthy::MACHINES.replace(",nixos-test", "");
                healthy::set_machines(e, &format!("{line}ssh-ng://mac x86_64-darwin - 1 1 nixos-test - -\n"));
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "nixos-test in its column", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = crate::checks::config::external(e) {
        return Ok(moot);
    }
    let all = e.machines()?;
    let Some(system) = want.builder.systems.first() else { return moot("no system is demanded") };
    let takers: Vec<_> = all.machines.iter().filter(|machine| takes(e, machine, system)).collect();
    if takers.is_empty() {
        return Err(Missing::new(format!("no machine offers {system}")));
    }
    let demanded = &want.builder.features;
    let missing: Vec<&str> = demanded
        .iter()
        .map(String::as_str)
        .filter(|feature| takers.iter().all(|machine| !machine.missing_features(&[feature]).is_empty()))
        .collect();
    let Some(first) = missing.first() else {
        return pass(format!("{} offered for {system}", and(demanded)));
    };
    let builder = takers.iter().find(|machine| machine.host == want.builder.host).unwrap_or(&takers[0]);
    let column = builder.column(5);
    fail(
        format!("no machine offers {} for {system}: {} lacks it", and(&missing), builder.host),
        format!("{} in the sixth column", and(&missing)),
    )
    .at(Some(&column))
    .word("missing-feature", *first)
    .word(
        "all-features",
        super::quoted_list(
            builder.features.iter().map(|it| it.value.as_str()).chain(missing.iter().copied()),
        ),
    )
    .word("file", super::file_of(e, &column))
    .verdict()
}
