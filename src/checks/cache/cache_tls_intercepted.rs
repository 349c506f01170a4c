//! A cache's certificate is not vouched for by the certificates that Nix trusts.

use super::{cache_ca_bundle_missing, set_replies};
use crate::checks::prelude::*;
use crate::evidence::caches::{CacheReply, CacheView, plain};
use crate::evidence::network::place_of;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "cache-tls-intercepted",
    title: "The caches show certificates that Nix trusts",
    layer: Layer::Cache,
    severity: Severity::Error,
    needs: &[&cache_ca_bundle_missing::CHECK],
    disproved_by: Proof::Nothing,
    why: "Something between this Mac and the cache (Zscaler, Netskope and the like) shows a certificate of its own. Browsers \
          trust it by macOS's keychain; Nix trusts one file of certificates, and says `SSL peer certificate or SSH remote key \
          was not OK (60)`.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &["sudo darwin-rebuild switch", "sudo launchctl kickstart -k system/{label}"],
            EXEMPT,
        )
        .after_edit(
            "Ask your administrators for the root certificate as PEM. In your nix-darwin configuration (it reaches the \
             VM too):\n\n    security.pki.certificateFiles = [ ./company-root.pem ];",
        )),
        determinate: None,
        otherwise: Advice::manual(
            &[
                "security export -t certs -f pemseq -k /Library/Keychains/System.keychain -o /tmp/company.pem",
                "cat {bundle} /tmp/company.pem > /tmp/ca_cert.pem",
                "sudo cp /tmp/ca_cert.pem /etc/nix/ca_cert.pem",
                "sudo launchctl kickstart -k system/{daemon-label}",
            ],
            "Before the last, in /etc/nix/nix.conf (with Determinate, in nix.custom.conf):\n\n    \
             ssl-cert-file = /etc/nix/ca_cert.pem\n\n\
             Or your administrators leave these hosts alone: {cache-hosts}, and for flakes github.com, api.github.com and \
             codeload.github.com.",
        ),
    },
    fixes: &[],
    references: &["NixOS/nix#8081", "NixOS/nix#7914", "DeterminateSystems/nix-src#322"],
    judge,
    examples: &[
        Example {
            name: "an issuer that nobody knows",
            given: |e| {
                set_replies(e, &CacheReply::Untrusted("invalid peer certificate: UnknownIssuer".to_owned()))
            },
            expect: Expect::Fail,
        },
        Example {
            name: "Zscaler's",
            given: |e| {
                set_replies(e, &CacheReply::Untrusted("invalid peer certificate: UnknownIssuer".to_owned()));
                if let Probe::Seen { fact, .. } = &mut e.caches {
                    let issuer = Some("Zscaler Root CA (Zscaler Inc.)".to_owned());
                    fact.answers.iter_mut().for_each(|it| it.issuer = issuer.clone());
                }
            },
            expect: Expect::Fail,
        },
        Example { name: "trusted certificates", given: |_| {}, expect: Expect::Pass },
    ],
};

const EXEMPT: &str = "Or your administrators leave these hosts alone: {cache-hosts}, and for flakes github.com, api.github.com and \
                      codeload.github.com.";

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    let caches = e.caches()?;
    let untrusted: Vec<(&CacheView, &str)> = super::answers(e)?
        .iter()
        .filter_map(|cache| match &cache.answer {
            CacheReply::Untrusted(why) => Some((cache, why.as_str())),
            _ => None,
        })
        .collect();
    let Some((_, why)) = untrusted.first() else { return pass("no certificate was refused") };
    let urls: Vec<&str> = untrusted.iter().map(|(cache, _)| cache.url.as_str()).collect();
    let hosts: Vec<String> =
        urls.iter().map(|url| place_of(&plain(url)).map_or_else(|| plain(url), |(host, _)| host)).collect();
    let verb = if urls.len() == 1 { "shows a certificate" } else { "show certificates" };
    let issuer = untrusted.iter().find_map(|(cache, _)| cache.issuer.as_ref());
    let issued = issuer.map(|it| format!(", issued by {it}")).unwrap_or_default();
    fail(
        format!("{} {verb} that Nix does not trust{issued}: {why}", and(&urls)),
        "a certificate of a public authority",
    )
    .word("bundle", caches.bundle.as_ref().map_or("/etc/ssl/certs/ca-certificates.crt", |it| &it.path))
    .word("cache-hosts", and(&hosts))
    .verdict()
}
