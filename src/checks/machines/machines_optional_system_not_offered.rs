//! No machine offers a system that had better be there.

use super::{builders_bad_machine_spec, machines_file_missing, machines_system_not_offered, takes};
use crate::checks::config::builders_inline_shadows_machines_file;
use crate::checks::prelude::*;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-optional-system-not-offered",
    title: "A machine offers the optional systems too",
    layer: Layer::Machines,
    severity: Severity::Warning,
    needs: &[
        &builders_inline_shadows_machines_file::CHECK,
        &machines_file_missing::CHECK,
        &builders_bad_machine_spec::CHECK,
        &machines_system_not_offered::CHECK,
    ],
    disproved_by: Proof::Nothing,
    why: "nix-darwin's builder offers aarch64-linux alone unless told otherwise. Builds for x86_64-linux then find no \
          machine, though the VM could emulate it.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit("In your nix-darwin configuration, while the builder works (it builds its own successor):\n\n    \
             nix.linux-builder.systems = [ \"aarch64-linux\" \"x86_64-linux\" ];\n    \
             nix.linux-builder.config.boot.binfmt.emulatedSystems = [ \"x86_64-linux\" ];\n\nEmulation is slow. If you \
             do not need it, empty optional-systems in builder-doctor.toml.")),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo -e /etc/nix/machines"],
            "Add {missing-system} to the second column, if the VM can run it (binfmt emulation, or Rosetta). If you do not need \
             it, empty optional-systems in builder-doctor.toml.",
        ),
    },
    fixes: &[],
    references: &["nix-darwin/nix-darwin#1192", "nix-darwin/nix-darwin#1091"],
    judge,
    examples: &[
        Example {
            name: "nix-darwin's default line",
            given: |e| healthy::set_machines(e, &healthy::MACHINES.replace(",x86_64-linux", "")),
            expect: Expect::Fail,
        },
        Example { name: "both Linux systems", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "no machine at all",
            given: |e| healthy::set_builders(e, "@/etc/nix/machines", None),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let all = e.machines()?;
    if all.machines.is_empty() {
        return moot("no machine is declared");
    }
    let lacking = |system: &&String| !all.machines.iter().any(|machine| takes(e, machine, system));
    let missing: Vec<&String> = want.builder.optional_systems.iter().filter(lacking).collect();
    let Some(first) = missing.first() else {
        return pass(format!("{} offered", and(&want.builder.optional_systems)));
    };
    let column = e.builder(want)?.map(|machine| machine.column(1));
    fail(format!("no machine offers {}", and(&missing)), format!("{} in the second column", and(&missing)))
        .at(column.as_ref())
        .word("missing-system", first.as_str())
        .verdict()
}
