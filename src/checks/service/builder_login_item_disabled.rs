//! The builder's job was switched off in System Settings, under Login Items.

use super::{of_the_vm, set_job};
use crate::checks::prelude::*;
use crate::evidence::root_host::HAS_BACKGROUND_TASKS;
use crate::evidence::service::PlistState;
use crate::parse::background::BackgroundItem;
use crate::parse::launchd::Printed;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-login-item-disabled",
    title: "System Settings let the builder run in the background",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "Since macOS 13 System Settings list what runs in the background, and whoever switches an item off there keeps launchd \
          from starting it, after a reboot too. nix-darwin's jobs stand there as `sh`, of an unidentified developer, which looks \
          like something to switch off.",
    remedy: Remedy::same(Advice::manual(
        &[
            "open 'x-apple.systempreferences:com.apple.LoginItems-Settings.extension'",
            "sudo launchctl bootstrap system {plist}",
        ],
        "The first command opens General > Login Items & Extensions: switch {item} on there, under Allow in the Background. There \
         may be several of that name, as the Nix daemon's job is one, too. Then run the second; the VM takes half a minute to \
         come up.",
    )),
    fixes: &[],
    references: &[
        "https://support.apple.com/guide/deployment/manage-login-items-background-tasks-mac-depdca572563/web",
    ],
    judge,
    examples: &[
        Example {
            name: "switched off, and so not loaded",
            given: |e| {
                set_job(e, |service| service.printed = Printed::NotFound);
                set_item(e, &["enabled", "disallowed", "notified"]);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "booted out, and not switched off",
            given: |e| {
                set_job(e, |service| service.printed = Printed::NotFound);
                set_item(e, &["enabled", "allowed", "notified"]);
            },
            expect: Expect::Pass,
        },
        Example {
            name: "switched off in one list of two",
            given: |e| {
                set_job(e, |service| service.printed = Printed::NotFound);
                set_item(e, &["enabled", "disallowed", "notified"]);
                set_items(e, |items| {
                    items.push(BackgroundItem {
                        uid: Some(501),
                        name: None,
                        disposition: vec!["enabled".to_owned(), "allowed".to_owned()],
                    });
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "words of another kind",
            given: |e| {
                set_job(e, |service| service.printed = Printed::NotFound);
                set_item(e, &["disabled"]);
            },
            expect: Expect::Unknown,
        },
        Example { name: "running", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "booted out, and root did not look",
            given: |e| {
                set_job(e, |service| service.printed = Printed::NotFound);
                healthy::hide_root_view(e);
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "macOS 12",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.platform {
                    fact.macos = Some("12.7.6".to_owned());
                }
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    if e.platform()?.macos_major().is_some_and(|major| major < HAS_BACKGROUND_TASKS) {
        return moot(format!("{} has no such list", e.platform()?.name()));
    }
    let service = e.builder_job()?;
    if matches!(&service.printed, Printed::Loaded(job) if job.pid.is_some()) {
        return pass("the job runs");
    }
    if service.plist.state == PlistState::Missing {
        return moot(format!("there is no {}: launchd does not run this builder", service.plist.path));
    }
    let here = e.root_host()?;
    let items = here.background.as_ref().ok_or_else(|| {
        Missing::new(here.gaps.last().cloned().unwrap_or_else(|| "the list was not asked for".to_owned()))
    })?;
    // The list of the whole machine is the one that launchd goes by for its jobs.
    let of_the_machine = items.iter().find(|item| item.uid == Some(-2));
    let Some(item) = of_the_machine.or(items.first()) else {
        return pass("the list does not name the job, so it keeps nobody from starting it");
    };
    let words: Vec<&str> = item.disposition.iter().map(String::as_str).collect();
    match item.is_allowed() {
        Some(false) => {
            let shown = item.name.as_deref().unwrap_or("sh");
            let seen = format!(
                "the builder's job, there called {shown:?}, is switched off in System Settings > General > Login Items ({})",
                and(&words)
            );
            fail(seen, "an item that may run in the background").word("item", shown).verdict()
        }
        Some(true) => pass(and(&words)),
        None => Err(Missing::new(format!("whether {} means that it may run is not known", and(&words)))),
    }
}

fn set_items(e: &mut Evidence, change: impl FnOnce(&mut Vec<BackgroundItem>)) {
    if let Probe::Seen { fact, .. } = &mut e.root_view
        && let Some(here) = &mut fact.host
    {
        change(here.background.get_or_insert_default());
    }
}

fn set_item(e: &mut Evidence, words: &[&str]) {
    let disposition = words.iter().map(|word| (*word).to_owned()).collect();
    set_items(e, |items| {
        items.push(BackgroundItem { uid: Some(-2), name: Some("sh".to_owned()), disposition });
    });
}
