//! NIX_REMOTE_SYSTEMS takes the place of the machines file.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::machines::{DEFAULT, FILE};
use crate::evidence::nix_config::ConfigView;
use crate::evidence::origin::Origin;
use crate::evidence::service::PlistState;
use crate::evidence::user_env::{UserEnv, paths};
use crate::parse::launchd::{Environment, Printed};
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-remote-systems-env",
    title: "No variable takes the place of the machines file",
    layer: Layer::Config,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "Where no file sets builders, the old variable NIX_REMOTE_SYSTEMS replaces its default, @/etc/nix/machines, for the \
          process that has it. In the daemon's environment it decides where builds go; in a shell's it changes what \
          `nix config show` says, and the daemon does not hear of it.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "In your nix-darwin configuration, remove NIX_REMOTE_SYSTEMS from nix.envVars (or from \
             launchd.daemons.nix-daemon.environment).",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &[
                "sudo /usr/libexec/PlistBuddy -c 'Delete :EnvironmentVariables:NIX_REMOTE_SYSTEMS' /Library/LaunchDaemons/{daemon-label}.plist",
                "sudo launchctl bootout system/{daemon-label}",
                "sudo launchctl bootstrap system /Library/LaunchDaemons/{daemon-label}.plist",
            ],
            "",
        ),
    },
    fixes: &[],
    references: &["https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-builders"],
    judge,
    examples: &[
        Example {
            name: "in the daemon's environment, and the file that it names is not there",
            given: |e| {
                of_daemon(e, "/etc/nix/old-machines");
                healthy::set_builders(e, "@/etc/nix/old-machines", None);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "in the daemon's environment, with a Linux machine in that file",
            given: |e| of_daemon(e, "/etc/nix/old-machines"),
            expect: Expect::Fail,
        },
        Example {
            name: "in the daemon's file, and launchd was not asked",
            given: |e| {
                healthy::set_builders(e, "@/etc/nix/old-machines", None);
                if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
                    config.builders = Some(DEFAULT.to_owned());
                }
                e.daemon_job = Probe::not_taken("--quick");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "in the daemon's environment, and a file sets `builders`",
            given: |e| {
                of_daemon(e, "/etc/nix/old-machines");
                super::set_file(e, "/etc/nix/nix.conf", "builders = @/etc/nix/machines\n");
            },
            expect: Expect::Pass,
        },
        Example { name: "in this shell", given: |e| of_shell(e, "/tmp/machines"), expect: Expect::Fail },
        Example { name: "in this shell, as the default", given: |e| of_shell(e, FILE), expect: Expect::Pass },
        Example { name: "nowhere", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    e.settings()?;
    if let Some(value) = e.system_value("builders") {
        return pass(format!("a file sets `builders = {value}`, which counts for more"));
    }
    let mac = e.platform()?.is_mac();
    let daemons = if mac { of_the_daemon(e.daemon_job()) } else { Ok(None) };
    let other = match &daemons {
        Ok(value) => value.as_deref().map(paths).filter(|named| named[..] != [FILE]),
        Err(_) => by_its_file(e),
    };
    if let Some(other) = other {
        let named = and(&other);
        let named = if named.is_empty() { "nothing".to_owned() } else { named };
        let seen = format!(
            "NIX_REMOTE_SYSTEMS in the Nix daemon's environment names {named} in the place of {FILE}"
        );
        e.machines()?;
        return if super::serve_all(e, want) {
            fail(seen, format!("{FILE}, where everybody looks")).verdict()
        } else {
            let systems = and(&want.builder.systems);
            let seen = format!("{seen}, and no machine there takes {systems}");
            fail(seen, "no such variable").as_bad_as(Severity::Error).verdict()
        };
    }
    let own = e.user_env()?.nix_remote_systems.as_ref().filter(|named| named[..] != [FILE]);
    if let Some(named) = own {
        let origin = e.origin("builders");
        let named = if named.is_empty() { "nothing".to_owned() } else { and(named) };
        let seen = format!("NIX_REMOTE_SYSTEMS in this shell names {named} in the place of {FILE}");
        if e.nix_daemon().is_ok_and(|daemon| daemon.info.succeeded) {
            let seen = format!("{seen}: `nix config show` says so, and the daemon does not hear of it");
            let finding = fail(seen, "no such variable").at(origin.place().as_ref());
            return finding.as_bad_as(Severity::Note).verdict();
        }
        return fail(seen, "no such variable").at(origin.place().as_ref()).verdict();
    }
    match daemons? {
        Some(_) => pass(format!("NIX_REMOTE_SYSTEMS names {FILE}, as the default does")),
        None => pass("NIX_REMOTE_SYSTEMS is not set"),
    }
}

/// The variable as the daemon's job has it: as launchd says, or else as its file does.
/// Where launchd was not asked: Nix shows its default, and the daemon's own file led to other machines.
fn by_its_file(e: &Evidence) -> Option<Vec<String>> {
    let shown = e.settings().ok()?.builders.as_deref()?;
    let sources = e.machines().ok()?.sources.iter().map(|source| &source.path);
    let others: Vec<String> = sources.filter(|path| path.starts_with('/')).cloned().collect();
    let led_elsewhere = shown == DEFAULT && !others.is_empty() && others[..] != [FILE];
    (led_elsewhere && matches!(e.origin("builders"), Origin::Default)).then_some(others)
}

fn of_the_daemon(
    job: Result<&crate::evidence::service::Service, Missing>,
) -> Result<Option<String>, Missing> {
    let job = job?;
    let value = |environment: &Environment| environment.nix_remote_systems.clone();
    Ok(match (&job.printed, &job.plist.state) {
        (Printed::Loaded(loaded), PlistState::Present(plist)) => {
            value(&loaded.environment).or_else(|| value(&plist.environment))
        }
        (Printed::Loaded(loaded), _) => value(&loaded.environment),
        (_, PlistState::Present(plist)) => value(&plist.environment),
        _ => return Err(Missing::new("neither launchd nor a file tells of the daemon's environment")),
    })
}

fn of_daemon(e: &mut Evidence, value: &str) {
    if let Probe::Seen { fact, .. } = &mut e.daemon_job
        && let Printed::Loaded(job) = &mut fact.printed
    {
        job.environment.nix_remote_systems = Some(value.to_owned());
    }
}

fn of_shell(e: &mut Evidence, value: &str) {
    let env = UserEnv { nix_remote_systems: Some(paths(value)), ..UserEnv::default() };
    e.user_env = Probe::seen(env, "environment");
}
