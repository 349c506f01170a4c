//! Experimental features that the expectations name are off.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::fix::fixes::nix_conf;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "experimental-features-missing",
    title: "The expected experimental features are on",
    layer: Layer::Config,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "Without nix-command and flakes, `nix build .#…` ends with `experimental Nix feature 'nix-command' is \
          disabled`. This program passes them itself, so its own test build says nothing about them.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration:\n\n    \
             nix.settings.experimental-features = \"{experimental-features}\";",
        )),
        determinate: Some(Advice::manual(
            &["nix config show experimental-features"],
            "Determinate's Nix has them on; look for a line in /etc/nix/nix.custom.conf or ~/.config/nix/nix.conf that \
             sets fewer, and remove it.",
        )),
        otherwise: Advice::manual(
            &["nix --extra-experimental-features nix-command config show experimental-features"],
            "In /etc/nix/nix.conf, or in ~/.config/nix/nix.conf:\n\n    \
             extra-experimental-features = {experimental-features}",
        ),
    },
    fixes: &[&nix_conf::EXPERIMENTAL],
    references: &["https://nix.dev/manual/nix/latest/development/experimental-features"],
    judge,
    examples: &[
        Example { name: "only nix-command", given: |e| set(e, &["nix-command"]), expect: Expect::Fail },
        Example {
            name: "both, and one more",
            given: |e| set(e, &["flakes", "nix-command", "ca-derivations"]),
            expect: Expect::Pass,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let on = e.settings()?.experimental_features.as_ref();
    let on = on.ok_or_else(|| Missing::new("Nix does not show `experimental-features`"))?;
    let missing: Vec<&String> = want.nix.experimental_features.iter().filter(|it| !on.contains(it)).collect();
    if missing.is_empty() {
        return pass(want.nix.experimental_features.join(", "));
    }
    let origin = e.origin("experimental-features");
    let whence = match origin.is_own() {
        true => format!(", set {}{}", origin.words(), e.only_for_you("experimental-features")),
        false => String::new(),
    };
    let verb = if missing.len() == 1 { "is" } else { "are" };
    fail(
        format!("{} {verb} off{whence}", and(&missing)),
        format!("{} on", and(&want.nix.experimental_features)),
    )
    .at(origin.place().as_ref())
    .verdict()
}

fn set(e: &mut Evidence, features: &[&str]) {
    use crate::evidence::nix_config::ConfigView;
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.experimental_features = Some(features.iter().map(|it| (*it).to_owned()).collect());
    }
}
