//! The ways to the caches: which of their addresses answer, and the proxies that a shell or macOS knows.

use super::caches::{CacheReply, plain};
use super::platform::Platform;
use super::{Look, Probe};
use crate::host::{Command, Greeting};
use crate::parse::proxy::{Endpoint, is_exempt, parse_scutil, parse_variable};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// The ways to the caches.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Network {
    /// The proxy that whoever runs the doctor would go by, and Nix's daemon need not know.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub proxy: Option<Proxy>,
    /// A script of macOS's settings decides on a proxy.
    #[serde(default)]
    pub automatic_proxy: bool,
    /// One for each expected cache whose way was tried, past every proxy.
    #[serde(default)]
    pub ways: Vec<Way>,
}

/// A proxy, without its login.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Proxy {
    /// Such as "https_proxy in this shell".
    #[schemars(extend("x-kind" = "text"))]
    pub named_by: String,
    /// Where it listens.
    pub at: Endpoint,
    /// Whether something listens there.
    pub answers: bool,
}

/// One connection to each kind of address that a cache's name has.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Way {
    /// The cache's host.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// Over IPv4; None where it has no such address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v4: Option<Knock>,
    /// Over IPv6; None where it has no such address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub v6: Option<Knock>,
}

impl Way {
    /// A connection came about.
    pub fn is_open(&self) -> bool {
        [&self.v4, &self.v6].into_iter().flatten().any(|knock| knock.end == End::Connected)
    }
}

/// One connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Knock {
    /// The address.
    #[schemars(extend("x-kind" = "ip-address"))]
    pub address: IpAddr,
    /// What came of it.
    pub end: End,
}

/// What came of a connection.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum End {
    /// It stands.
    Connected,
    /// Nobody said anything in [`DEADLINE`].
    NoAnswer,
    /// It was refused at once, in these words: no way, and no time lost.
    #[schemars(extend("x-kind" = "text"))]
    Refused(String),
}

/// No connection may take longer.
pub const DEADLINE: Duration = Duration::from_secs(2);

/// How the name of a proxy that a variable sets ends.
pub const SHELL: &str = " in this shell";

/// In curl's order.
const VARIABLES: [&str; 4] = ["https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"];

pub(super) fn probe(look: &Look) -> Probe<Network> {
    if let Some(why) = look.wanted.offline.as_ref().or(look.wanted.no_builds.as_ref()) {
        return Probe::not_taken(why.clone());
    }
    let places: Vec<(String, u16)> =
        look.want.cache.iter().filter_map(|cache| place_of(&plain(&cache.url))).collect();
    let shell = VARIABLES.iter().find_map(|name| {
        let at = parse_variable(&look.host.env(name).filter(|value| !value.is_empty())?)?;
        Some((format!("{name}{SHELL}"), at))
    });
    let no_proxy = ["no_proxy", "NO_PROXY"].iter().find_map(|name| look.host.env(name)).unwrap_or_default();
    let shell = shell.filter(|_| !places.iter().all(|(host, _)| is_exempt(&no_proxy, host)));
    let ways = std::thread::scope(|scope| {
        let (shell, no_proxy) = (&shell, &no_proxy);
        let past_proxy = move |host: &str| shell.is_some() && !is_exempt(no_proxy, host);
        let tried: Vec<_> = places
            .iter()
            .map(|(host, port)| scope.spawn(move || way(look, host, *port, past_proxy(host))))
            .collect();
        tried.into_iter().filter_map(|it| it.join().ok().flatten()).collect()
    });
    let mut found = Network { ways, ..Network::default() };
    let mut proxy = shell;
    // macOS's own settings matter only where the caches do not answer without them.
    if proxy.is_none() && is_mac(look) && is_cut_off(look) {
        let output = look.host.run(&Command::new("scutil").args(["--proxy"])).ok();
        let settings =
            output.filter(|it| it.ok()).and_then(|it| parse_scutil(&it.stdout)).unwrap_or_default();
        found.automatic_proxy = settings.automatic;
        proxy = settings.https.map(|at| ("macOS's network settings".to_owned(), at));
    }
    found.proxy = proxy.map(|(named_by, at)| {
        let answers = addresses(look, &at.host)
            .first()
            .is_some_and(|ip| knock(look, *ip, at.port).end == End::Connected);
        Proxy { named_by, at, answers }
    });
    Probe::seen(found, "one connection to each kind of address of the expected caches")
}

fn is_mac(look: &Look) -> bool {
    look.platform().get().is_ok_and(Platform::is_mac)
}

/// An expected cache gave no answer at all.
fn is_cut_off(look: &Look) -> bool {
    look.caches().get().is_ok_and(|caches| {
        let expected = |url: &str| look.want.cache.iter().any(|cache| plain(&cache.url) == plain(url));
        let silent = |answer: &CacheReply| matches!(answer, CacheReply::Unreachable(_));
        caches.answers.iter().any(|it| expected(&it.url) && silent(&it.answer))
    })
}

/// `https://cache.example:8443/x`: the host and the port.
pub fn place_of(url: &str) -> Option<(String, u16)> {
    let (scheme, rest) = url.split_once("://")?;
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => return None,
    };
    let authority = rest.split('/').next().filter(|it| !it.is_empty() && !it.contains(['@', '[']))?;
    let (host, port) = match authority.split_once(':') {
        Some((host, port)) => (host, port.parse().ok()?),
        None => (authority, usual),
    };
    Some((host.to_owned(), port))
}

fn addresses(look: &Look, name: &str) -> Vec<IpAddr> {
    match name.parse() {
        Ok(address) => vec![address],
        Err(_) => look.host.resolve(name, DEADLINE).unwrap_or_default(),
    }
}

fn knock(look: &Look, address: IpAddr, port: u16) -> Knock {
    // The server waits for us to begin, so its silence is not waited for.
    let end = match look.host.greeting(SocketAddr::new(address, port), DEADLINE, Duration::ZERO) {
        Greeting::Refused => End::Refused("connection refused".to_owned()),
        Greeting::NoAnswer => End::NoAnswer,
        Greeting::Failed(why) => End::Refused(crate::prose::line(&why)),
        Greeting::Silent(_) | Greeting::Closed | Greeting::Line(_) => End::Connected,
    };
    Knock { address, end }
}

/// Only two kinds of addresses can be compared; past a proxy one is enough.
fn way(look: &Look, host: &str, port: u16, past_proxy: bool) -> Option<Way> {
    let all = addresses(look, host);
    let v4 = all.iter().find(|it| it.is_ipv4()).copied();
    let v6 = all.iter().find(|it| it.is_ipv6()).copied();
    if v6.is_none() && !past_proxy {
        return None;
    }
    let (v4, v6) = std::thread::scope(|scope| {
        let other = v6.map(|address| scope.spawn(move || knock(look, address, port)));
        (v4.map(|address| knock(look, address, port)), other.and_then(|it| it.join().ok()))
    });
    Some(Way { host: host.to_owned(), v4, v6 })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cache_is_at_a_host_and_a_port() {
        let place = |url| place_of(url).map(|(host, port)| format!("{host} {port}"));
        assert_eq!(place("https://cache.nixos.org").as_deref(), Some("cache.nixos.org 443"));
        assert_eq!(place("http://cache.example:8080/x").as_deref(), Some("cache.example 8080"));
        assert_eq!(place("https://[::1]/"), None);
        assert_eq!(place("s3://bucket"), None);
    }
}
