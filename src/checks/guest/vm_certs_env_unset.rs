//! The VM's job hands no certificates to the guest.

use crate::checks::prelude::*;
use crate::evidence::caches::BundleState;
use crate::evidence::vm_program::{CertState, environment};
use crate::parse::launchd::Printed;
use crate::parse::vm_program::Backend;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-certs-env-unset",
    title: "The VM gets the Mac's certificates",
    layer: Layer::Guest,
    severity: Severity::Warning,
    needs: &[],
    // A test build downloads nothing.
    disproved_by: Proof::Nothing,
    why: "At its start the VM's job copies the file that its NIX_SSL_CERT_FILE names into the guest, which has no other \
          certificates. Without one the VM works, and every download in it fails.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::disruptive(&["sudo darwin-rebuild switch", "sudo launchctl kickstart -k system/{label}"], "")
                .after_edit(
                    "In your nix-darwin configuration, where something sets the variable to another value, take that out; \
                     nix-darwin's own is this:\n\n    \
                     environment.variables.NIX_SSL_CERT_FILE = \"/etc/ssl/certs/ca-certificates.crt\";",
                ),
        ),
        determinate: None,
        otherwise: Advice::disruptive(
            &["sudo launchctl bootout system/{label}", "sudo launchctl bootstrap system {plist}"],
            "",
        )
        .after_edit(
            "Set NIX_SSL_CERT_FILE in EnvironmentVariables of {plist} to a file of certificates, such as \
             /nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt. Then:",
        ),
    },
    fixes: &[],
    references: &["NixOS/nixpkgs#236389"],
    judge,
    examples: &[
        Example {
            name: "the job's environment does not name one",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.builder_job
                    && let Printed::Loaded(job) = &mut fact.printed
                {
                    job.environment.nix_ssl_cert_file = None;
                }
            },
            expect: Expect::Fail,
        },
        Example { name: "it names a file that is gone", given: |e| set(e, CertState::Missing), expect: Expect::Fail },
        Example { name: "it names an empty file", given: |e| set(e, CertState::Bytes(0)), expect: Expect::Fail },
        Example { name: "it names a file of certificates", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "it names the file that Nix trusts too, and that is gone",
            given: |e| {
                set(e, CertState::Missing);
                if let Probe::Seen { fact, .. } = &mut e.caches
                    && let Some(bundle) = &mut fact.bundle
                {
                    bundle.state = BundleState::Missing;
                }
            },
            expect: Expect::Moot,
        },
        Example {
            name: "the file cannot be looked at",
            given: |e| set(e, CertState::Hidden("permission denied".to_owned())),
            expect: Expect::Unknown,
        },
        Example {
            name: "Apple's Virtualization.framework runs the VM",
            given: |e| {
                set(e, CertState::Missing);
                if let Probe::Seen { fact, .. } = &mut e.vm_program {
                    fact.says.backend = Backend::Virtualization;
                    fact.says.shares_certs = false;
                }
            },
            expect: Expect::Moot,
        },
        Example {
            name: "the scripts cannot be read",
            given: |e| e.vm_program = Probe::blind("permission denied"),
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = super::of_this_vm(e, want)? {
        return Ok(moot);
    }
    let service = e.builder_job()?;
    let program = e.vm_program()?;
    match program.says.backend {
        Backend::Qemu if program.says.shares_certs => {}
        _ => return moot("this VM gets no certificates from the Mac"),
    }
    if program.says.sets_certs {
        return pass("the VM's own script names the file");
    }
    let environment = environment(service)
        .ok_or_else(|| Missing::new(format!("the environment of {} is not known", service.label)))?;
    let expected = "a file of certificates in the NIX_SSL_CERT_FILE of the VM's job";
    let Some(path) = &environment.nix_ssl_cert_file else {
        return fail(
            format!("{} has no NIX_SSL_CERT_FILE, so the VM gets no certificates", service.label),
            expected,
        )
        .verdict();
    };
    let file = program.certs.as_ref().filter(|file| &file.path == path);
    let what = match file.map(|file| &file.state) {
        Some(CertState::Bytes(0)) => "is empty",
        Some(CertState::Missing) => "is not there",
        Some(CertState::Bytes(_)) => return pass(path),
        Some(CertState::Hidden(why)) => return Err(Missing::new(format!("{path}: {why}"))),
        None => return Err(Missing::new(format!("nobody looked at {path}"))),
    };
    // The file that Nix on this Mac trusts too: that is told of where Nix's own certificates are.
    let nix_too = e.caches().ok().and_then(|caches| caches.bundle.as_ref()).is_some_and(|bundle| {
        &bundle.path == path && matches!(bundle.state, BundleState::Missing | BundleState::Certificates(0))
    });
    if nix_too {
        return moot(format!("{path} {what}, and Nix on this Mac lacks it as well"));
    }
    fail(format!("{path}, which the VM's job is to hand to the VM, {what}"), expected).verdict()
}

fn set(e: &mut Evidence, state: CertState) {
    if let Probe::Seen { fact, .. } = &mut e.vm_program
        && let Some(file) = &mut fact.certs
    {
        file.state = state;
    }
}
