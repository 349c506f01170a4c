//! The VM's Nix does not trust the login, so inputs cannot be copied.

use super::ssh_remote_nix_unusable;
use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "store-untrusted-by-guest",
    title: "The VM's Nix trusts the login",
    layer: Layer::Guest,
    severity: Severity::Error,
    needs: &[&ssh_remote_nix_unusable::CHECK],
    // Our own test build has no inputs, and so runs where nothing can be copied.
    disproved_by: Proof::Nothing,
    why: "What a build needs is copied to the VM first, and what was built here is not signed. The VM's Nix takes that only \
          from a user it trusts: the login must be among its trusted-users.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["sudo darwin-rebuild switch"], "").after_edit(
            "The stock VM trusts its user. In nix.linux-builder.config:\n\n    \
             nix.settings.trusted-users = [ \"root\" \"builder\" ];",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &["sudo nix store info --store ssh-ng://builder@{host}"],
            "In the VM's nix.conf, then restart its nix-daemon; the command then says `Trusted: 1`:\n\n    \
             trusted-users = root builder",
        ),
    },
    fixes: &[],
    references: &[
        "NixOS/nix#2127",
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-trusted-users",
    ],
    judge,
    examples: &[
        Example {
            name: "the VM does not trust it",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.root_view
                    && let Some(login) = &mut fact.login
                {
                    login.trusted = Some(false);
                }
            },
            expect: Expect::Fail,
        },
        Example { name: "the VM trusts it", given: |_| {}, expect: Expect::Pass },
        Example { name: "root did not look", given: healthy::hide_root_view, expect: Expect::Unknown },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let login = e.root_view()?.login()?;
    match login.trusted {
        Some(true) => pass("trusted"),
        Some(false) => {
            let machine = e.builder(want)?;
            let uri = machine.map_or(want.builder.host.as_str(), |it| it.uri.value.as_str());
            fail(
                format!("the Nix of {uri} does not trust the login, so inputs cannot be copied to it"),
                "a login that is trusted",
            )
            .verdict()
        }
        None => Err(Missing::new("the VM's Nix does not say whether it trusts the login")),
    }
}
