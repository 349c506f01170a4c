//! The disk was left over by another kind of VM, and the one that is started now cannot read it.

use super::{is_crash_looping, job, of_the_vm, port_31022_in_use, set_stopped};
use crate::checks::prelude::*;
use crate::evidence::root_host::{Image, ImageState, RootHost};
use crate::evidence::service::PlistState;
use crate::fix::fixes::new_disk;
use crate::parse::launchd::Printed;
use crate::parse::vm_program::Backend;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-backend-switched-raw-vs-qcow2",
    title: "The VM's disk is of the kind that its program reads",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[&port_31022_in_use::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "QEMU and Apple's Virtualization.framework (vfkit, darwin.linux-builder-vz) use the same file name, nixos.qcow2, for two \
          formats. After a switch from one to the other the new program finds the old one's disk, and ends at once.",
    remedy: Remedy::same(Advice::disruptive(
        &[
            "sudo launchctl bootout system/{label}",
            "sudo mv {image} {image}.other-kind",
            "sudo launchctl bootstrap system {plist}",
        ],
        "The VM makes a new disk, which takes a minute or two. The old one holds nothing that cannot be built again, unless you put \
         it there by hand; remove it once builds run.",
    )),
    fixes: &[&new_disk::MAKE],
    references: &["https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder"],
    judge,
    examples: &[
        Example {
            name: "vfkit finds QEMU's disk",
            given: |e| {
                stopped(e, "/nix/store/x-linux-builder-vz-start", "514649fb");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "QEMU finds a raw disk",
            given: |e| {
                stopped(e, "/nix/store/x-qemu-linux-builder-start", "eb639000");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "QEMU fails with a disk of its own",
            given: |e| {
                stopped(e, "/nix/store/x-qemu-linux-builder-start", "514649fb");
            },
            expect: Expect::Pass,
        },
        Example {
            name: "QEMU fails without any disk",
            given: |e| {
                stopped(e, "/nix/store/x-qemu-linux-builder-start", "514649fb");
                set_image(e, ImageState::Missing);
            },
            expect: Expect::Pass,
        },
        Example {
            name: "which program it is is not written there",
            given: |e| {
                stopped(e, "/nix/store/x-linux-builder-start", "eb639000");
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "the scripts say QEMU, and the disk is raw",
            given: |e| {
                let says = e.vm_program.clone();
                stopped(e, "/nix/store/x-linux-builder-start", "eb639000");
                e.vm_program = says;
            },
            expect: Expect::Fail,
        },
        Example { name: "the VM runs", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "root did not look",
            given: |e| {
                set_stopped(e, "spawn scheduled", 7, Some(1));
                healthy::hide_root_view(e);
            },
            expect: Expect::Unknown,
        },
        Example {
            name: "launchd does not run the VM",
            given: |e| super::set_job(e, |service| service.printed = Printed::NotFound),
            expect: Expect::Moot,
        },
    ],
};

/// How every qcow2 image begins: `QFI` and 0xfb.
const QCOW2: &str = "514649fb";

/// The program that runs the VM.
#[derive(Clone, Copy, PartialEq)]
enum Program {
    Qemu,
    /// Apple's Virtualization.framework, by whatever front.
    Vz,
}

/// By the job's scripts, else by what its arguments say of themselves; None where they do not.
fn program(e: &Evidence) -> Result<Option<Program>, Missing> {
    match e.vm_program().map(|it| it.says.backend) {
        Ok(Backend::Qemu) => return Ok(Some(Program::Qemu)),
        Ok(Backend::Virtualization) => return Ok(Some(Program::Vz)),
        _ => {}
    }
    let service = e.builder_job()?;
    let printed = match &service.printed {
        Printed::Loaded(job) => job.arguments.as_slice(),
        _ => &[],
    };
    let written = match &service.plist.state {
        PlistState::Present(plist) => plist.program_arguments.as_slice(),
        _ => &[],
    };
    let text = printed.iter().chain(written).map(|it| it.to_lowercase()).collect::<Vec<_>>().join(" ");
    let has = |words: &[&str]| words.iter().any(|word| text.contains(word));
    Ok(match (has(&["vfkit", "-vz"]), has(&["qemu"])) {
        (true, false) => Some(Program::Vz),
        (false, true) => Some(Program::Qemu),
        _ => None,
    })
}

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = of_the_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let Some(job) = job(e)? else { return moot(format!("launchd does not know {}", service.label)) };
    if job.pid.is_some() && !is_crash_looping(e, job, service.age_seconds) {
        return pass("the VM runs");
    }
    let here = e.root_host()?;
    let image =
        here.image.as_ref().ok_or_else(|| Missing::new("no job names the folder of the VM's disk"))?;
    let magic = match &image.state {
        ImageState::Present { magic, .. } => magic,
        ImageState::Missing => return pass("there is no disk yet: the VM makes one"),
        ImageState::Hidden(why) => return Err(Missing::new(format!("{}: {why}", image.path))),
    };
    let is_qcow2 = magic == QCOW2;
    let told = |seen: &str, expected: &str| {
        fail(format!("{}: {seen}", image.path), expected).word("image", image.path.as_str()).verdict()
    };
    match program(e)? {
        Some(Program::Qemu) if !is_qcow2 => {
            told("QEMU is to read it, and it is no qcow2 image", "a qcow2 image")
        }
        Some(Program::Vz) if is_qcow2 => {
            told("Virtualization.framework is to read it, and it is a qcow2 image of QEMU's", "a raw image")
        }
        Some(_) => pass("the disk is of the kind that the VM's program reads"),
        None => Err(Missing::new("which program runs the VM is not known")),
    }
}

fn set_image(e: &mut Evidence, state: ImageState) {
    if let Probe::Seen { fact, .. } = &mut e.root_view {
        let path = "/var/lib/linux-builder/nixos.qcow2".to_owned();
        let here = fact.host.get_or_insert_with(RootHost::default);
        here.image = Some(Image { path, state });
    }
}

/// For examples: a job that runs this fails, and its disk begins so.
fn stopped(e: &mut Evidence, program: &str, magic: &str) {
    // The scripts are not read, so that only the arguments tell.
    if let Probe::Seen { fact, .. } = &mut e.vm_program {
        fact.says.backend = Backend::Unknown;
    }
    set_stopped(e, "spawn scheduled", 7, Some(1));
    super::set_job(e, |service| {
        if let Printed::Loaded(job) = &mut service.printed {
            job.arguments = vec!["/bin/sh".to_owned(), "-c".to_owned(), format!("exec {program}")];
        }
        if let PlistState::Present(plist) = &mut service.plist.state {
            plist.program_arguments.clear();
        }
    });
    let magic = magic.to_owned();
    set_image(e, ImageState::Present { magic, size: 21 << 30, seconds_ago: 60 });
}
