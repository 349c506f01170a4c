//! The caches are reached by a proxy only, and the daemon does not know it.

use super::{cache_tls_intercepted, set_replies};
use crate::checks::daemon::daemon_not_running;
use crate::checks::prelude::*;
use crate::evidence::caches::{CacheReply, plain};
use crate::evidence::network::{End, Proxy, SHELL, place_of};
use crate::parse::launchd::{Environment, Printed};
use crate::parse::proxy::Endpoint;

/// See the module.
pub static CHECK: Check = Check {
    id: "proxy-not-seen-by-daemon",
    title: "The daemon knows the proxy, where the caches need one",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[&daemon_not_running::CHECK, &cache_tls_intercepted::CHECK],
    disproved_by: Proof::Nothing,
    why: "launchd's jobs inherit nothing from your shell, and Nix does not read macOS's network settings. So the daemon, which \
          downloads for you, tries to go directly and waits for an answer that never comes. The VM knows no proxy either.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(
                &["sudo darwin-rebuild switch"],
                "A proxy on this Mac itself (127.0.0.1) is at 10.0.2.2 for the VM.",
            )
            .after_edit(
                "In your nix-darwin configuration, the second line for the VM:\n\n    \
             nix.envVars.https_proxy = \"http://{proxy}\";\n    \
             nix.linux-builder.config.networking.proxy.default = \"http://{proxy}\";",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &[
                "sudo plutil -insert EnvironmentVariables.https_proxy -string http://{proxy} {daemon-plist}",
                "sudo launchctl bootout system/{daemon-label}",
                "sudo launchctl bootstrap system {daemon-plist}",
            ],
            "launchd reads the file again only when the job is loaded anew. An update of Nix may write the file anew: look again \
             then.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#7808"],
    judge,
    examples: &[
        Example {
            name: "the shell's proxy leads to the caches, and nothing else does",
            given: |e| set_shell(e, false),
            expect: Expect::Fail,
        },
        Example {
            name: "only macOS's settings know the proxy",
            given: |e| {
                set_replies(e, &CacheReply::Unreachable("no answer in 5s".to_owned()));
                set_proxy(e, "macOS's network settings", true, None);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a proxy in the shell that nobody needs",
            given: |e| set_shell(e, true),
            expect: Expect::Pass,
        },
        Example {
            name: "the daemon has it too",
            given: |e| {
                set_shell(e, false);
                if let Probe::Seen { fact, .. } = &mut e.daemon_job
                    && let Printed::Loaded(job) = &mut fact.printed
                {
                    job.environment.names.push("https_proxy".to_owned());
                }
            },
            expect: Expect::Pass,
        },
        Example {
            name: "away from the company's network, or offline",
            given: |e| {
                set_shell(e, false);
                set_replies(e, &CacheReply::Unreachable("no answer in 5s".to_owned()));
                set_proxy(e, "https_proxy in this shell", false, Some(false));
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "a script decides",
            given: |e| {
                set_replies(e, &CacheReply::Unreachable("no answer in 5s".to_owned()));
                if let Probe::Seen { fact, .. } = &mut e.network {
                    fact.automatic_proxy = true;
                }
            },
            expect: Expect::Unknown,
        },
        Example { name: "no proxy", given: |_| {}, expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let network = e.network()?;
    let Some(proxy) = &network.proxy else {
        if network.automatic_proxy {
            return Err(Missing::new("macOS's settings leave it to a script which proxy to take"));
        }
        return pass("no proxy is needed");
    };
    let job = e.daemon_job()?;
    let planned = match &job.plist.state {
        crate::evidence::service::PlistState::Present(plist) => Some(&plist.environment),
        _ => None,
    };
    let running = match &job.printed {
        Printed::Loaded(job) => Some(&job.environment),
        _ => None,
    };
    // It is the running job that downloads; its file counts where launchd shows no job.
    if running.or(planned).is_some_and(has_proxy) {
        return pass("the daemon has a proxy as well");
    }
    let at = format!("{}:{}", proxy.at.host, proxy.at.port);
    let silent = silent(e, want)?;
    let by_shell = proxy.named_by.ends_with(SHELL);
    // With a proxy in the shell, the caches were asked by it; else they were asked directly.
    let cut_off = if by_shell {
        network.ways.iter().find(|way| !way.is_open()).map(|way| &way.host)
    } else {
        silent.first()
    };
    let Some(host) = cut_off else { return pass(format!("the caches answer without the proxy {at}")) };
    let leads_there = if by_shell { !silent.contains(host) } else { proxy.answers };
    if !leads_there {
        return Err(Missing::new(format!("neither the proxy {at} nor the direct way leads to {host}")));
    }
    let seen = format!(
        "the proxy {at} ({}) is not in the environment of {}, and without it {host} does not answer",
        proxy.named_by, job.label
    );
    fail(seen, "the same proxy for the daemon")
        .word("proxy", at)
        .word("daemon-plist", &job.plist.path)
        .verdict()
}

fn has_proxy(environment: &Environment) -> bool {
    let names = ["https_proxy", "all_proxy"];
    environment.names.iter().any(|it| names.contains(&it.to_ascii_lowercase().as_str()))
}

/// The hosts of the expected caches that gave no answer at all.
fn silent(e: &Evidence, want: &Expectations) -> Result<Vec<String>, Missing> {
    let expected = |url: &str| want.cache.iter().any(|cache| plain(&cache.url) == plain(url));
    let silent = e.caches()?.answers.iter().filter(|it| matches!(it.answer, CacheReply::Unreachable(_)));
    Ok(silent.filter(|it| expected(&it.url)).filter_map(|it| Some(place_of(&plain(&it.url))?.0)).collect())
}

fn set_shell(e: &mut Evidence, open: bool) {
    set_proxy(e, "https_proxy in this shell", true, Some(open));
}

fn set_proxy(e: &mut Evidence, named_by: &str, answers: bool, open: Option<bool>) {
    let Probe::Seen { fact, .. } = &mut e.network else { return };
    let at = Endpoint { host: "proxy.corp".to_owned(), port: 3128 };
    fact.proxy = Some(Proxy { named_by: named_by.to_owned(), at, answers });
    match open {
        None => fact.ways.clear(),
        Some(open) => {
            for knock in fact.ways.iter_mut().flat_map(|way| [&mut way.v4, &mut way.v6]).flatten() {
                knock.end = if open { End::Connected } else { End::NoAnswer };
            }
        }
    }
}
