//! The setting `builders` is empty, so Nix knows no machine.

use super::builder_not_configured;
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::machines::DEFAULT;
use crate::evidence::nix_config::ConfigView;
use crate::evidence::origin::Origin;
use crate::evidence::user_env::UserEnv;
use crate::fix::fixes::nix_conf;

/// See the module.
pub static CHECK: Check = Check {
    id: "builders-empty",
    title: "`builders` names machines",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[
        &nix_config_unreadable::CHECK,
        &super::client_setting_refused_untrusted::CHECK,
        &super::nix_remote_systems_env::CHECK,
        &builder_not_configured::CHECK,
    ],
    disproved_by: Proof::ABuild,
    why: "An empty `builders` switches every remote builder off, /etc/nix/machines included; without the line, Nix \
          reads that file by itself. nix-darwin writes the empty line where nix.distributedBuilds is false.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration, and with no nix.settings.builders beside it:\n\n    \
             nix.distributedBuilds = true;",
        )),
        determinate: Some(
            Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
                "Remove the line from /etc/nix/nix.custom.conf (or from ~/.config/nix/nix.conf).",
            ),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
            "Remove the line that sets it, or write instead:\n\n    builders = @/etc/nix/machines",
        ),
    },
    fixes: &[&nix_conf::TAKE_OUT],
    references: &["nix-darwin/nix-darwin#1081"],
    judge,
    examples: &[
        Example {
            name: "`builders =`",
            given: |e| {
                healthy::set_builders(e, "", Some(healthy::MACHINES));
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "NIX_REMOTE_SYSTEMS of this shell, of which the daemon does not hear",
            given: |e| {
                let env = UserEnv { nix_remote_systems: Some(Vec::new()), ..UserEnv::default() };
                e.user_env = Probe::seen(env, "environment");
                if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
                    config.builders = Some(String::new());
                }
            },
            expect: Expect::Pass,
        },
        Example { name: "`builders = @/etc/nix/machines`", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = super::external(e) {
        return Ok(moot);
    }
    let Some(shown) = &e.settings()?.builders else {
        return Err(Missing::new("Nix does not show `builders`"));
    };
    let origin = e.acting_origin("builders");
    // What the daemon acts on, where it takes less from the user than Nix shows him.
    let system = || e.system_value("builders").unwrap_or_else(|| DEFAULT.to_owned());
    let builders = if origin == e.origin("builders") { shown.clone() } else { system() };
    if !builders.trim().is_empty() {
        return pass(format!("builders = {builders}"));
    }
    let whence = match &origin {
        Origin::Default => ", by no file that was read: look at NIX_CONFIG".to_owned(),
        Origin::System(_) => String::new(),
        _ => format!(" {}{}", origin.words(), e.only_for_you("builders")),
    };
    fail(format!("`builders` is set to nothing{whence}"), "machines, such as @/etc/nix/machines")
        .at(origin.place().as_ref())
        .verdict()
}
