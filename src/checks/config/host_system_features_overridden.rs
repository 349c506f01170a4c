//! A file sets `system-features` for this Mac, and leaves out what NixOS tests on a Mac need.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::nix_config::ConfigView;
use crate::evidence::origin::Origin;
use crate::fix::fixes::nix_conf;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "host-system-features-overridden",
    title: "This Mac offers what NixOS tests on it need",
    layer: Layer::Config,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "The NixOS tests of a Mac's own system (checks.aarch64-darwin) run on the Mac and demand nixos-test and apple-virt \
          of it; the builder only makes their disk images. Nix finds both by itself, unless a line sets system-features \
          and leaves one out.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration, leave nix.settings.system-features alone, or say as well:\n\n    \
             nix.settings.extra-system-features = [ {missing-features-quoted} ];",
        )),
        determinate: Some(
            Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
                "In /etc/nix/nix.custom.conf, remove the line system-features, or add below it:\n\n    \
                 extra-system-features = {missing-features}",
            ),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
            "In /etc/nix/nix.conf, remove the line system-features, or add below it:\n\n    \
             extra-system-features = {missing-features}",
        ),
    },
    fixes: &[&nix_conf::FEATURES],
    references: &["NixOS/nixpkgs#294725", "nix-community/infra#2478"],
    judge,
    examples: &[
        Example {
            name: "a line without either",
            given: |e| set(e, Some("/etc/nix/nix.conf"), &["benchmark", "big-parallel"]),
            expect: Expect::Fail,
        },
        Example {
            name: "a line without apple-virt",
            given: |e| set(e, Some("/etc/nix/nix.conf"), &["benchmark", "nixos-test"]),
            expect: Expect::Fail,
        },
        Example {
            name: "in alice's own file, and the daemon does not trust her",
            given: |e| set(e, Some("/Users/alice/.config/nix/nix.conf"), &["benchmark"]),
            expect: Expect::Pass,
        },
        Example {
            name: "no hypervisor, and nobody sets it",
            given: |e| set(e, None, &["benchmark", "big-parallel", "nixos-test"]),
            expect: Expect::Pass,
        },
        Example { name: "Nix's own", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "not a Mac",
            given: healthy::on_linux,
            expect: Expect::Moot,
        },
    ],
};

const NAME: &str = "system-features";

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if !want.builder.features.iter().any(|feature| feature == "nixos-test") {
        return moot("nobody expects NixOS tests");
    }
    let has = e.settings()?.system_features.as_ref();
    let has = has.ok_or_else(|| Missing::new(format!("Nix does not show `{NAME}`")))?;
    if e.refused(NAME).is_some() {
        return pass(format!("your own `{NAME}` is ignored, as the Nix daemon does not trust you"));
    }
    let missing: Vec<&str> =
        ["nixos-test", "apple-virt"].into_iter().filter(|it| !has.iter().any(|own| own == it)).collect();
    if missing.is_empty() {
        return pass(and(has));
    }
    e.conf_files()?;
    let origin = e.origin(NAME);
    if origin == Origin::Default {
        return pass(format!("Nix itself finds no {} here", and(&missing)));
    }
    let seen =
        format!("`{NAME}` is set {}, without {}{}", origin.words(), and(&missing), e.only_for_you(NAME));
    fail(seen, "nixos-test and apple-virt among them")
        .at(origin.place().as_ref())
        .word("missing-features", missing.join(" "))
        .word(
            "missing-features-quoted",
            missing.iter().map(|it| format!("\"{it}\"")).collect::<Vec<_>>().join(" "),
        )
        .verdict()
}

fn set(e: &mut Evidence, file: Option<&str>, features: &[&str]) {
    if let Some(file) = file {
        super::set_file(e, file, &format!("{NAME} = {}\n", features.join(" ")));
    }
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.system_features = Some(features.iter().map(|it| (*it).to_owned()).collect());
    }
}
