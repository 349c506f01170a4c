//! A cache's IPv6 address swallows connections, while its IPv4 address answers.

use crate::checks::prelude::*;
use crate::evidence::network::{DEADLINE, End, Network};

/// See the module.
pub static CHECK: Check = Check {
    id: "ipv6-broken",
    title: "The caches answer over IPv6 as they do over IPv4",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "The network hands out IPv6 addresses and leads nowhere with them: a VPN, a router, a tunnel. Each download then tries \
          IPv6 first and waits before it falls back to IPv4, and some programs do not fall back at all.",
    remedy: Remedy::same(Advice::manual(
        &["curl -6 -sS -m 5 -o /dev/null {cache}/nix-cache-info", "networksetup -listallnetworkservices"],
        "If the first times out, the network is to be mended: the VPN, or the router. Until then, IPv6 can be switched off for the \
         service in use, and on again with `-setv6automatic`:\n\n    sudo networksetup -setv6off Wi-Fi",
    )),
    fixes: &[],
    references: &["NixOS/nixpkgs#416187", "https://www.rfc-editor.org/rfc/rfc8305"],
    judge,
    examples: &[
        Example {
            name: "IPv6 is silent",
            given: |e| set(e, End::NoAnswer, End::Connected),
            expect: Expect::Fail,
        },
        Example {
            name: "IPv6 is refused at once, as on a network without it",
            given: |e| set(e, End::Refused("No route to host".to_owned()), End::Connected),
            expect: Expect::Pass,
        },
        Example {
            name: "nothing answers at all",
            given: |e| set(e, End::NoAnswer, End::NoAnswer),
            expect: Expect::Pass,
        },
        Example { name: "both answer", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "no cache has an IPv6 address",
            given: |e| e.network = Probe::seen(Network::default(), "no connection"),
            expect: Expect::Moot,
        },
        Example {
            name: "--quick",
            given: |e| e.network = Probe::not_taken("--quick: no test build was made"),
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let network = e.network()?;
    let tried: Vec<_> = network.ways.iter().filter(|way| way.v6.is_some()).collect();
    if tried.is_empty() {
        return moot("no cache's name leads to an IPv6 address here");
    }
    let ends = |knock: &Option<crate::evidence::network::Knock>, end: &End| {
        knock.as_ref().is_some_and(|it| it.end == *end)
    };
    let broken = tried.iter().find(|way| ends(&way.v6, &End::NoAnswer) && ends(&way.v4, &End::Connected));
    let Some(way) = broken else { return pass(crate::prose::count(tried.len(), "cache")) };
    let address = way.v6.as_ref().map(|it| it.address.to_string()).unwrap_or_default();
    let url = want.cache.iter().map(|cache| crate::evidence::caches::plain(&cache.url));
    let url = url.into_iter().find(|url| url.contains(way.host.as_str()));
    let seen = format!(
        "{} ({address}) gives no answer over IPv6 in {} s, and over IPv4 it does",
        way.host,
        DEADLINE.as_secs()
    );
    fail(seen, "an answer over both, or no IPv6 at all")
        .word("cache", url.unwrap_or_else(|| format!("https://{}", way.host)))
        .verdict()
}

fn set(e: &mut Evidence, v6: End, v4: End) {
    if let Probe::Seen { fact, .. } = &mut e.network {
        for way in &mut fact.ways {
            if let (Some(six), Some(four)) = (&mut way.v6, &mut way.v4) {
                (six.end, four.end) = (v6.clone(), v4.clone());
            }
        }
    }
}
