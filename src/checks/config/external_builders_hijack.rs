//! `external-builders` takes Linux builds, and what it names cannot make them.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::builds::{BuildRun, Ended};
use crate::evidence::machines::linux;
use crate::evidence::nix_config::ConfigView;
use crate::fix::fixes::nix_conf;
use crate::parse::build_log::Outcome;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "external-builders-hijack",
    title: "What `external-builders` names builds what it takes",
    layer: Layer::Config,
    severity: Severity::Error,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::EveryBuild,
    why: "external-builders hands Linux builds to a program on this Mac, such as Determinate's native Linux builder, which \
          works for accounts that were given it. Determinate's Nix asks it before any machine and does not fall \
          through; upstream's asks machines first.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration, remove external-builders from nix.settings or nix.extraOptions.",
        )),
        determinate: Some(
            Advice::manual(
                &["sudo launchctl kickstart -k system/{daemon-label}"],
                "To keep the native builder instead, ask support@determinate.systems for it; determinate-nixd version lists \
                 native-linux-builder once it is yours.",
            )
            .after_edit("Remove the line external-builders from /etc/nix/nix.custom.conf."),
        ),
        otherwise: Advice::manual(&["sudo launchctl kickstart -k system/{daemon-label}"], "")
            .after_edit("Remove the line external-builders from /etc/nix/nix.conf."),
    },
    fixes: &[&nix_conf::TAKE_OUT],
    references: &["DeterminateSystems/determinate#156"],
    judge,
    examples: &[
        Example {
            name: "the native Linux builder is not available",
            given: |e| {
                super::set_external(e, "/usr/local/bin/determinate-nixd");
                set_builds(e, REFUSED);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the same, with a machine that is never asked",
            given: |e| {
                super::set_external(e, "/usr/local/bin/determinate-nixd");
                healthy::set_builds(e, &Ended::Code(1), REFUSED);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the experimental feature is off, and no machine is there",
            given: |e| {
                super::set_external(e, "/usr/local/bin/native");
                switch_off(e);
                set_builds(e, OFF);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the experimental feature is off, and a machine does the builds",
            given: |e| {
                super::set_external(e, "/usr/local/bin/native");
                switch_off(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "it works, and no machine is there",
            given: |e| {
                super::set_external(e, "/usr/local/bin/determinate-nixd");
                set_builds(e, "building '/nix/store/0-x.drv'...\n");
                each_build(e, |build| build.ended = Ended::Code(0));
                each_build(e, |build| build.log.outcome = Outcome::BuiltLocally);
            },
            expect: Expect::Pass,
        },
        Example {
            name: "the machine that was asked first is out of reach",
            given: |e| {
                super::set_external(e, "/usr/local/bin/native");
                let log = "cannot build on 'ssh-ng://builder@linux-builder': error: failed to start SSH connection to 'x'\n";
                healthy::set_builds(e, &Ended::Code(1), log);
            },
            expect: Expect::Pass,
        },
        Example {
            name: "with a machine, and nothing was built",
            given: |e| {
                super::set_external(e, "/usr/local/bin/determinate-nixd");
                healthy::hide_builds(e);
            },
            expect: Expect::Unknown,
        },
        Example { name: "it is not set", given: |_| {}, expect: Expect::Moot },
    ],
};

/// Nix 2.34.8, with a program that says what Determinate's native builder said in public.
const REFUSED: &str = "\
this derivation will be built:
  /nix/store/0-x.drv
error:
       … while waiting for the build environment for '/nix/store/0-x.drv' to initialize (failed with exit code 1, previous messages: Error: failed to set up Native Linux Builder||Caused by:|    HTTP status code 400 Bad Request, reply:|    The Native Linux Builder is not currently available.)

       error: unexpected EOF reading a line
";

/// Nix 2.34.8.
const OFF: &str = "error: experimental Nix feature 'external-builders' is disabled; add '--extra-experimental-features external-builders' to enable it\n";

/// The setting, and the experimental feature without which upstream's Nix does not heed it.
const NAME: &str = "external-builders";

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let settings = e.settings()?;
    let taken: Vec<String> =
        settings.external_systems().into_iter().filter(|system| system.ends_with("-linux")).collect();
    if taken.is_empty() {
        return moot(format!("`{NAME}` takes no Linux build"));
    }
    let origin = e.origin(NAME);
    if e.refused(NAME).is_some() {
        return pass(format!(
            "`{NAME}` is set {} and ignored: the Nix daemon does not trust you",
            origin.words()
        ));
    }
    let machines = linux(e.machines()?).next().is_some();
    let finding = |seen: String| {
        fail(seen, "a program that builds for Linux, or machines alone").at(origin.place().as_ref())
    };
    let builds = e.builds();
    let of_taken = || builds.iter().flat_map(|all| all.iter()).filter(|build| taken.contains(&build.system));
    let failed = of_taken().find_map(|build| Some((build, complaint(build)?)));
    if let Some((build, said)) = failed {
        let seen =
            format!("the build for {} was given to what `{NAME}` names, which fails: {said}", build.what());
        return finding(seen).verdict();
    }
    if machines && super::external_is_off(e) {
        let seen =
            format!("`{NAME}` is set for {}, and the experimental feature of that name is off", and(&taken));
        return finding(format!("{seen}: Nix uses machines alone")).as_bad_as(Severity::Note).verdict();
    }
    let builds = builds.map_err(|missing| Missing {
        because: format!("`{NAME}` takes {}; a test build would tell whether it works", and(&taken)),
        by_choice: missing.by_choice,
    })?;
    match builds.iter().find(|build| taken.contains(&build.system)) {
        Some(build) if build.ran_on_a_builder() => {
            pass(format!("a test build for {} ran on {}", build.what(), build.machine()))
        }
        Some(_) if machines => pass("a machine was asked before it"),
        Some(build) => Err(Missing::new(format!(
            "the test build for {} did not run: {}",
            build.what(),
            build.last_words()
        ))),
        None => Err(Missing::new(format!("no test build for {} was made", and(&taken)))),
    }
}

/// What the program that was given a build says, where it failed to make it.
fn complaint(build: &BuildRun) -> Option<String> {
    if build.ran_on_a_builder() {
        return None;
    }
    let find = |words: &str| build.log.tail.iter().find(|line| line.contains(words));
    if find("Native Linux Builder").is_some() {
        let said = if find("is not currently available").is_some() {
            "The Native Linux Builder is not currently available"
        } else {
            "failed to set up Native Linux Builder"
        };
        return Some(said.to_owned());
    }
    if find(&format!("experimental Nix feature '{NAME}' is disabled")).is_some() {
        return Some(format!("experimental Nix feature '{NAME}' is disabled"));
    }
    if let Some(line) = find("while waiting for the build environment for").filter(|_| build.external) {
        let said = line.split_once("previous messages: ").map_or(line.as_str(), |(_, said)| said);
        return Some(said.trim_end_matches(')').replace('|', " "));
    }
    match &build.log.outcome {
        Outcome::FailedLocally(why) if build.log.dispatched_to.is_none() => Some(why.clone()),
        _ => None,
    }
}

fn each_build(e: &mut Evidence, change: impl Fn(&mut BuildRun)) {
    if let Probe::Seen { fact, .. } = &mut e.builds {
        fact.iter_mut().for_each(change);
    }
}

/// No machine is declared, and the program was given the test builds.
fn set_builds(e: &mut Evidence, log: &str) {
    healthy::set_machines(e, "");
    healthy::set_builds(e, &Ended::Code(1), log);
    each_build(e, |build| build.external = true);
}

fn switch_off(e: &mut Evidence) {
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.experimental_features = Some(vec!["nix-command".to_owned(), "flakes".to_owned()]);
    }
}
