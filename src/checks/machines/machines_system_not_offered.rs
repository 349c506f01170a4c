//! No machine offers a system that is demanded.

use super::{builders_bad_machine_spec, machines_file_missing, machines_odd_fields, takes};
use crate::checks::config::builders_inline_shadows_machines_file;
use crate::checks::prelude::*;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "machines-system-not-offered",
    title: "A machine offers every demanded system",
    layer: Layer::Machines,
    severity: Severity::Error,
    needs: &[
        &builders_inline_shadows_machines_file::CHECK,
        &machines_file_missing::CHECK,
        &builders_bad_machine_spec::CHECK,
        &machines_odd_fields::CHECK,
    ],
    disproved_by: Proof::EveryBuild,
    why: "Nix gives a build only to a machine whose second column names the build's system. The column says what the \
          machine offers, not what it is; left out, it means the Mac's own system.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration:\n\n    nix.linux-builder.systems = [ {all-systems} ];",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo -e {file}"],
            "Add {missing-system} to the second column. No restart is needed.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#4117", "nix-darwin/nix-darwin#1192"],
    judge,
    examples: &[
        Example {
            name: "only x86_64-linux",
            given: |e| {
                healthy::set_machines(e, &healthy::MACHINES.replace("aarch64-linux,", ""));
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example { name: "both Linux systems", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = crate::checks::config::external(e) {
        return Ok(moot);
    }
    let all = e.machines()?;
    if all.refused().is_some() {
        return Err(Missing::new("Nix refuses the machines file"));
    }
    let lacking = |system: &&String| !all.machines.iter().any(|machine| takes(e, machine, system));
    let missing: Vec<&String> = want.builder.systems.iter().filter(lacking).collect();
    let Some(first) = missing.first() else {
        return pass(format!("{} offered", and(&want.builder.systems)));
    };
    let builder = e.builder(want)?;
    let offers = match builder {
        Some(machine) if machine.systems.is_empty() => format!("{} states no system", machine.host),
        Some(machine) => {
            let systems: Vec<&str> = machine.systems.iter().map(|it| it.value.as_str()).collect();
            format!("{} offers {}", machine.host, and(&systems))
        }
        None => "none of the machines is a Linux builder".to_owned(),
    };
    let builder = builder.filter(|machine| machine.host == want.builder.host || machine.systems.is_empty());
    let offers =
        if builder.is_none() { format!("there is no line for {}", want.builder.host) } else { offers };
    let column = builder.map(|machine| machine.column(1));
    fail(
        format!("no machine offers {}: {offers}", and(&missing)),
        format!("{} in the second column", and(&missing)),
    )
    .at(column.as_ref())
    .word("missing-system", first.as_str())
    .word("all-systems", {
        let offered = builder.into_iter().flat_map(|it| &it.systems).map(|it| it.value.as_str());
        super::quoted_list(missing.iter().map(|it| it.as_str()).chain(offered))
    })
    .word(
        "file",
        column.as_ref().map_or(crate::evidence::machines::FILE.to_owned(), |it| super::file_of(e, it)),
    )
    .verdict()
}
