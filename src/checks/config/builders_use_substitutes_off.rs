//! The builder takes from this Mac what it could fetch from a cache by itself.

use super::builder_not_configured;
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::machines::linux;
use crate::evidence::nix_config::ConfigView;
use crate::fix::fixes::nix_conf;

/// See the module.
pub static CHECK: Check = Check {
    id: "builders-use-substitutes-off",
    title: "The builder fetches from caches by itself",
    layer: Layer::Config,
    severity: Severity::Note,
    needs: &[&nix_config_unreadable::CHECK, &builder_not_configured::CHECK],
    disproved_by: Proof::Nothing,
    why: "With builders-use-substitutes off, which is Nix's default, this Mac downloads all that a build needs and copies \
          it to the builder over ssh: minutes of `copying dependencies`. nix-darwin's linux-builder switches it on. Off \
          is right where the builder cannot reach a cache.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration:\n\n    nix.settings.builders-use-substitutes = true;",
        )),
        determinate: Some(
            Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
                .after_edit("In /etc/nix/nix.custom.conf:\n\n    builders-use-substitutes = true"),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
            .after_edit("In /etc/nix/nix.conf:\n\n    builders-use-substitutes = true"),
    },
    fixes: &[&nix_conf::SUBSTITUTES],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-builders-use-substitutes"],
    judge,
    examples: &[
        Example { name: "off", given: |e| set(e, false), expect: Expect::Fail },
        Example { name: "on", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "off, and no builder",
            given: |e| {
                set(e, false);
                healthy::set_machines(e, "");
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    const NAME: &str = "builders-use-substitutes";
    let Some(shown) = e.settings()?.builders_use_substitutes else {
        return Err(Missing::new(format!("Nix does not show `{NAME}`")));
    };
    if linux(e.machines()?).next().is_none() {
        return moot("no Linux builder is declared");
    }
    // The daemon acts on what the system's files say, where it does not take it from the user.
    let on = if e.refused(NAME).is_some() {
        e.system_value(NAME).is_some_and(|value| value == "true")
    } else {
        shown
    };
    if on {
        return pass("on");
    }
    let origin = e.acting_origin(NAME);
    fail(
        format!("`{NAME}` is off, set {}", origin.words()),
        "on, so that the builder fetches from caches by itself",
    )
    .at(origin.place().as_ref())
    .verdict()
}

fn set(e: &mut Evidence, on: bool) {
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.builders_use_substitutes = Some(on);
    }
}
