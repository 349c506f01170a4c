//! `extra-platforms` says that this Mac runs Linux programs.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::builds::{BuildRun, Ended};
use crate::evidence::nix_config::ConfigView;
use crate::fix::fixes::nix_conf;
use crate::parse::build_log::Outcome;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "extra-platforms-claims-linux",
    title: "Nix does not take this Mac for a Linux machine",
    layer: Layer::Config,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "macOS cannot run Linux programs. Where no machine takes a build at once, Nix believes extra-platforms and runs \
          it on the Mac, where it fails: `Undefined error: 0`, `Exec format error`. Machines do not need the setting.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "No Linux system belongs in nix.settings.extra-platforms (nor in nix.extraOptions) of your nix-darwin \
             configuration: take {linux-systems} out.",
        )),
        determinate: Some(
            Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
                "No Linux system belongs in extra-platforms of /etc/nix/nix.custom.conf: take {linux-systems} out.",
            ),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "").after_edit(
            "No Linux system belongs in extra-platforms of /etc/nix/nix.conf: take {linux-systems} out.",
        ),
    },
    fixes: &[&nix_conf::NO_LINUX],
    references: &["cpick/nix-rosetta-builder#19", "NixOS/nixpkgs#341101"],
    judge,
    examples: &[
        Example { name: "aarch64-linux", given: |e| set(e, "/etc/nix/nix.conf"), expect: Expect::Fail },
        Example {
            name: "and a Linux build ran on the Mac",
            given: |e| {
                set(e, "/etc/nix/nix.conf");
                healthy::set_builds(e, &Ended::Code(1), RAN_HERE);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "in alice's own file, and the daemon does not trust her",
            given: |e| set(e, "/Users/alice/.config/nix/nix.conf"),
            expect: Expect::Fail,
        },
        Example { name: "x86_64-darwin", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "not a Mac",
            given: |e| {
                set(e, "/etc/nix/nix.conf");
                healthy::on_linux(e);
            },
            expect: Expect::Moot,
        },
    ],
};

/// The last line: cpick/nix-rosetta-builder#19.
const RAN_HERE: &str = "\
building '/nix/store/0-x.drv'...
error: Cannot build '/nix/store/0-x.drv'.
       Reason: builder failed with exit code 1.
x> error: executing '/nix/store/wnmp2svv1amz605gpapxd6400f7nclfg-bash-5.2p37/bin/bash': Undefined error: 0
";

/// What macOS says of a Linux program.
const NOT_A_PROGRAM: [&str; 3] = ["Undefined error: 0", "Exec format error", "cannot execute binary file"];

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let all = e.settings()?.extra_platforms.as_ref();
    let all = all.ok_or_else(|| Missing::new("Nix does not show `extra-platforms`"))?;
    let linux: Vec<&str> = all.iter().map(String::as_str).filter(|it| it.ends_with("-linux")).collect();
    if linux.is_empty() {
        let shown = if all.is_empty() { "none".to_owned() } else { and(all) };
        return pass(format!("extra-platforms: {shown}"));
    }
    let origin = e.origin("extra-platforms");
    let seen = format!("`extra-platforms` claims {} for this Mac, set {}", and(&linux), origin.words());
    let finding = |seen: String| {
        fail(seen, "no Linux system in it").at(origin.place().as_ref()).word("linux-systems", and(&linux))
    };
    if e.refused("extra-platforms").is_some() {
        let seen = format!("{seen}, which the Nix daemon ignores, as it does not trust you");
        return finding(seen).as_bad_as(Severity::Note).verdict();
    }
    let runs = || e.builds().into_iter().chain(e.installable_builds()).flatten();
    let here = runs().find(|build| ran_here(build));
    match here {
        Some(build) => {
            let seen = format!("{seen}, and Nix ran the build for {} here", build.what());
            finding(seen).as_bad_as(Severity::Error).verdict()
        }
        None => finding(seen).verdict(),
    }
}

/// Whether Nix ran a Linux build on this Mac.
pub fn ran_here(build: &BuildRun) -> bool {
    let says = || build.log.tail.iter().any(|line| NOT_A_PROGRAM.iter().any(|it| line.contains(it)));
    let local = build.log.outcome == Outcome::BuiltLocally && !build.external;
    build.system.ends_with("-linux") && build.log.dispatched_to.is_none() && (local || says())
}

fn set(e: &mut Evidence, file: &str) {
    let line = "extra-platforms = x86_64-darwin aarch64-linux\n";
    super::set_file(e, file, line);
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.extra_platforms = Some(vec!["x86_64-darwin".to_owned(), "aarch64-linux".to_owned()]);
    }
}
