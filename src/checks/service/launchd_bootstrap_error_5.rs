//! launchd refuses to load the job's file: `Bootstrap failed: 5: Input/output error`.

use super::{builder_service_disabled, job, of_the_vm, set_job};
use crate::checks::prelude::*;
use crate::evidence::service::{PlistOwner, PlistState, Service};
use crate::fix::fixes::job_file;
use crate::parse::launchd::Printed;

/// See the module.
pub static CHECK: Check = Check {
    id: "launchd-bootstrap-error-5",
    title: "launchd can load the builder's job",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[&builder_service_disabled::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "launchd answers `5: Input/output error` to whatever it will not load: a file that others than root may change, one \
          that is no property list, one without its Label. It passes such a file over when the Mac starts as well.",
    remedy: Remedy {
        nix_darwin: Some(Advice::safe(
            &[
                "sudo chown root:wheel {plist}",
                "sudo chmod 644 {plist}",
                "sudo launchctl bootstrap system {plist}",
            ],
            "Where what is in the file is wrong, `sudo darwin-rebuild switch` writes it anew and loads it.",
        )),
        determinate: None,
        otherwise: Advice::safe(
            &[
                "sudo chown root:wheel {plist}",
                "sudo chmod 644 {plist}",
                "sudo launchctl bootstrap system {plist}",
            ],
            "Where what is in the file is wrong, put the file in its place that the builder's set-up wrote.",
        ),
    },
    fixes: &[&job_file::REPAIR],
    references: &["DeterminateSystems/nix-installer#1047", "NixOS/nix#9978"],
    judge,
    examples: &[
        Example {
            name: "alice owns it",
            given: |e| {
                unloaded(e, |service| {
                    service.plist.owner = Some(PlistOwner { uid: 501, mode: "644".to_owned() });
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a group may write to it",
            given: |e| {
                unloaded(e, |service| {
                    service.plist.owner = Some(PlistOwner { uid: 0, mode: "664".to_owned() });
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "it is no property list",
            given: |e| {
                unloaded(e, |service| {
                    service.plist.state = PlistState::Invalid("a plist without a dictionary".to_owned());
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "it has another Label",
            given: |e| {
                unloaded(e, |service| {
                    if let PlistState::Present(plist) = &mut service.plist.state {
                        plist.label = Some("org.nixos.darwin-builder".to_owned());
                    }
                });
            },
            expect: Expect::Fail,
        },
        Example {
            name: "nothing is wrong with it, and it is not loaded",
            given: |e| unloaded(e, |_| {}),
            expect: Expect::Pass,
        },
        Example { name: "loaded", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "only root may read it",
            given: |e| {
                unloaded(e, |service| {
                    service.plist.state = PlistState::Unreadable("permission denied".to_owned());
                });
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "there is no such file",
            given: |e| unloaded(e, |service| service.plist.state = PlistState::Missing),
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    if job(e)?.is_some() {
        return pass(format!("{} is loaded", service.label));
    }
    let path = &service.plist.path;
    let refused =
        |why: String, expected: &str| fail(format!("launchd does not load {path}: {why}"), expected);
    let no_job = |why: String| {
        refused(why, "a job's file as the builder's set-up wrote it")
            .first_run("plutil -lint {plist}")
            .verdict()
    };
    let others = |why: String| refused(why, "a job's file that only root may change").verdict();
    let plist = match &service.plist.state {
        PlistState::Missing => return moot(format!("there is no {path}")),
        // launchd is root, and may read what the user may not.
        PlistState::Unreadable(why) => return Err(Missing::new(format!("{path}: {why}"))),
        PlistState::Invalid(why) => {
            return no_job(format!("it is no property list of a job ({why})"));
        }
        PlistState::Present(plist) => plist,
    };
    match plist.label.as_deref() {
        Some(label) if label == service.label => {}
        Some(label) => return no_job(format!("its Label is {label:?}")),
        None => return no_job("it has no Label".to_owned()),
    }
    let owner = service.plist.owner.as_ref();
    let owner = owner.ok_or_else(|| Missing::new(format!("whose {path} is, was not seen")))?;
    let mode = u32::from_str_radix(&owner.mode, 8)
        .map_err(|_| Missing::new(format!("the mode of {path} is not understood: {:?}", owner.mode)))?;
    if owner.uid != 0 {
        return others(format!("its owner is not root (uid {})", owner.uid));
    }
    if mode & 0o022 != 0 {
        return others(format!("others than root may write to it (mode {})", owner.mode));
    }
    pass(format!("nothing is wrong with {path}"))
}

fn unloaded(e: &mut Evidence, change: impl FnOnce(&mut Service)) {
    set_job(e, |service| {
        service.printed = Printed::NotFound;
        change(service);
    });
}
