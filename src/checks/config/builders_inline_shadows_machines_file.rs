//! `builders` holds machines of its own, so that Nix does not read the machines file with the Linux builder.

use super::{
    builder_not_configured, builders_empty, client_setting_refused_untrusted, nix_remote_systems_env,
};
use crate::checks::prelude::*;
use crate::evidence::machines::FILE;
use crate::fix::fixes::nix_conf;
use crate::parse::machines::{Machines, parse};
use crate::prose::and;
use std::collections::{BTreeMap, BTreeSet};

/// See the module.
pub static CHECK: Check = Check {
    id: "builders-inline-shadows-machines-file",
    title: "`builders` leaves out no machine of /etc/nix/machines",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[
        &builder_not_configured::CHECK,
        &client_setting_refused_untrusted::CHECK,
        &nix_remote_systems_env::CHECK,
        &builders_empty::CHECK,
    ],
    disproved_by: Proof::EveryBuild,
    why: "Nix reads /etc/nix/machines only where `builders` names it, as its default @/etc/nix/machines does. A line \
          `builders = ssh-ng://…` takes that default's place; such lines are often copied from a manual, and offer fewer \
          systems and features than the file.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration, remove nix.settings.builders (or the line in nix.extraOptions); machines \
             belong into nix.buildMachines.",
        )),
        determinate: Some(
            Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
                "In /etc/nix/nix.custom.conf, remove the line builders, or write instead:\n\n    \
                 builders = @/etc/nix/machines",
            ),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
            "In {file}, remove the line builders, or write instead:\n\n    builders = @/etc/nix/machines",
        ),
    },
    fixes: &[&nix_conf::TAKE_OUT],
    references: &["nix-darwin/nix-darwin#477"],
    judge,
    examples: &[
        Example {
            name: "another system",
            given: |e| shadow(e, "ssh-ng://builder@other x86_64-linux - 4 1 nixos-test - -"),
            expect: Expect::Fail,
        },
        Example {
            name: "the manual's line, without features",
            given: |e| shadow(e, "ssh-ng://builder@linux-builder aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 4 - - - -"),
            expect: Expect::Fail,
        },
        Example {
            name: "a feature that nobody expects is left out",
            given: |e| {
                shadow(e, "ssh-ng://builder@linux-builder aarch64-linux,x86_64-linux - 4 1 nixos-test,big-parallel - -");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the same machine, in the setting",
            given: |e| shadow(e, healthy::MACHINES.trim_end()),
            expect: Expect::Pass,
        },
        Example {
            name: "a file with a Mac alone",
            given: |e| {
                shadow(e, "ssh-ng://builder@other x86_64-linux");
                set_file(e, "ssh://admin@mini aarch64-darwin\n");
            },
            expect: Expect::Pass,
        },
        Example { name: "`builders =`, which is another fault", given: |e| shadow(e, ""), expect: Expect::Moot },
        Example { name: "`builders = @/etc/nix/machines`", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let all = e.machines()?;
    if all.sources.iter().any(|source| source.path == FILE) {
        return pass(format!("`builders` names {FILE}"));
    }
    if all.machines.is_empty() && all.sources.len() <= 1 {
        return moot("`builders` names no machine at all");
    }
    let Some(file) = &e.machines_file()?.unnamed else {
        return pass(format!("there is no {FILE} to leave out"));
    };
    let lost = lost(all, file);
    let Some(first) = lost.first() else {
        return pass(format!("`builders` offers all that {FILE} offers for Linux"));
    };
    let demanded = |it: &&Lost| {
        want.builder.systems.contains(&it.system)
            && (it.features.is_empty() || want.builder.features.iter().any(|f| it.features.contains(f)))
    };
    let worst = lost.iter().find(demanded);
    let shown = worst.unwrap_or(first);
    let what = if shown.features.is_empty() {
        shown.system.clone()
    } else {
        format!("{} for {}", and(&shown.features), shown.system)
    };
    let origin = e.acting_origin("builders");
    let for_whom = if origin.is_own() { e.only_for_you("builders") } else { String::new() };
    let seen = format!(
        "`builders` is set {} and does not name {FILE}: nobody offers {what}, which {} there does{for_whom}",
        origin.words(),
        shown.host
    );
    let place = origin.place();
    let finding = fail(seen, format!("`builders = @{FILE}`, or no such line"))
        .at(place.as_ref())
        .word("file", place.as_ref().map_or(crate::evidence::conf_files::SYSTEM, |it| it.path.as_str()));
    if worst.is_some() { finding.verdict() } else { finding.as_bad_as(Severity::Warning).verdict() }
}

/// What a machine of the file offers, and no machine of `builders` does.
struct Lost {
    host: String,
    system: String,
    /// Empty where nobody offers the system.
    features: Vec<String>,
}

fn lost(acting: &Machines, file: &Machines) -> Vec<Lost> {
    // Once for all, as both lists may be long.
    let mut offered: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for machine in &acting.machines {
        for system in &machine.systems {
            let features = machine.features.iter().chain(&machine.mandatory);
            offered.entry(&system.value).or_default().extend(features.map(|it| it.value.as_str()));
        }
    }
    let mut lost = Vec::new();
    for machine in &file.machines {
        for system in machine.systems.iter().map(|it| &it.value).filter(|it| it.ends_with("-linux")) {
            let features = match offered.get(system.as_str()) {
                None => Vec::new(),
                Some(has) => {
                    let all = machine.features.iter().map(|it| &it.value);
                    let missing: Vec<String> = all.filter(|it| !has.contains(it.as_str())).cloned().collect();
                    if missing.is_empty() {
                        continue;
                    }
                    missing
                }
            };
            lost.push(Lost { host: machine.host.clone(), system: system.clone(), features });
        }
    }
    lost
}

fn shadow(e: &mut Evidence, builders: &str) {
    super::set_file(e, "/etc/nix/nix.conf", &format!("builders = {builders}\n"));
    healthy::set_builders(e, builders, None);
    healthy::hide_builds(e);
    set_file(e, healthy::MACHINES);
}

fn set_file(e: &mut Evidence, text: &str) {
    if let Probe::Seen { fact, .. } = &mut e.machines_file {
        let mut read = |_: &str| crate::parse::machines::FileRead::Text(text.to_owned());
        fact.unnamed = Some(parse("@/etc/nix/machines", "builders", &mut read));
    }
}
