//! The file of certificates that Nix trusts is gone.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::caches::BundleState;

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-ca-bundle-missing",
    title: "Nix's certificates are there",
    layer: Layer::Cache,
    severity: Severity::Error,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "Nix trusts the certificates of one file, not macOS's keychain. Without the file every download fails with `Problem with \
          the SSL CA cert (path? access rights?) (77)`. Removing nix-darwin leaves a link that leads nowhere.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(&["ls -l {bundle}", "sudo darwin-rebuild switch"], "")),
        determinate: None,
        otherwise: Advice::manual(
            &["ls -l {bundle}", "ls -lL /nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt"],
            "If the first shows a link into nowhere in /etc/ssl/certs, and the second a file:\n\n    \
             sudo ln -sfn /nix/var/nix/profiles/default/etc/ssl/certs/ca-bundle.crt /etc/ssl/certs/ca-certificates.crt",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#11087", "NixOS/nix#728"],
    judge,
    examples: &[
        Example { name: "no file", given: |e| set(e, BundleState::Missing), expect: Expect::Fail },
        Example {
            name: "an empty file",
            given: |e| set(e, BundleState::Certificates(0)),
            expect: Expect::Fail,
        },
        Example { name: "146 certificates", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "nothing says which file",
            given: |e| {
                if let Probe::Seen { fact, .. } = &mut e.caches {
                    fact.bundle = None;
                }
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let bundle = e
        .caches()?
        .bundle
        .as_ref()
        .ok_or_else(|| Missing::new("Nix does not say which certificates it trusts"))?;
    let what = match &bundle.state {
        BundleState::Certificates(0) => "holds no certificate".to_owned(),
        BundleState::Certificates(number) => return pass(crate::prose::count(*number, "certificate")),
        BundleState::Missing => "is not there".to_owned(),
        // The daemon is root, and may read what the user may not.
        BundleState::Unreadable(why) if e.user().is_ok_and(|user| user.uid != 0) => {
            return Err(Missing::new(format!("{}: {why}", bundle.path)));
        }
        BundleState::Unreadable(why) => format!("cannot be read ({why})"),
    };
    let seen =
        format!("Nix's certificates are not usable: {} {what} (named by {})", bundle.path, bundle.named_by);
    fail(seen, "a readable file of certificates").word("bundle", &bundle.path).verdict()
}

fn set(e: &mut Evidence, state: BundleState) {
    if let Probe::Seen { fact, .. } = &mut e.caches
        && let Some(bundle) = &mut fact.bundle
    {
        bundle.state = state;
    }
}
