//! Proxies: `scutil --proxy`, and the variables of a shell. Host and port only, never a login.

use super::text::cut;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Where a proxy listens.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Endpoint {
    /// A name or an address.
    #[schemars(extend("x-kind" = "host-name"))]
    pub host: String,
    /// Its port.
    pub port: u16,
}

/// What macOS's network settings say of proxies for HTTPS.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SystemProxy {
    /// The proxy, where one is switched on.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub https: Option<Endpoint>,
    /// A script decides, which only macOS can run.
    #[serde(default)]
    pub automatic: bool,
}

/// The output of `scutil --proxy`; None if it is something else.
pub fn parse_scutil(text: &str) -> Option<SystemProxy> {
    let field = |name: &str| {
        let fields = text.lines().filter_map(|line| line.split_once(" : "));
        fields
            .map(|(key, value)| (key.trim(), value.trim()))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    };
    let on = |name: &str| field(name) == Some("1");
    let https = || {
        let host = field("HTTPSProxy").filter(|host| !host.is_empty())?;
        let port = field("HTTPSPort").map_or(Some(443), |port| port.parse().ok())?;
        Some(Endpoint { host: cut(host, 255), port })
    };
    text.contains("<dictionary>").then(|| SystemProxy {
        https: if on("HTTPSEnable") { https() } else { None },
        automatic: on("ProxyAutoConfigEnable") || on("ProxyAutoDiscoveryEnable"),
    })
}

/// The value of `https_proxy` and the like: `http://user:password@host:3128/`.
pub fn parse_variable(value: &str) -> Option<Endpoint> {
    let (scheme, rest) = value.trim().split_once("://").unwrap_or(("http", value.trim()));
    let authority = rest.split(['/', '?', '#']).next()?;
    let place = authority.rsplit_once('@').map_or(authority, |(_, place)| place);
    let usual = match scheme {
        "https" => 443,
        "http" => 80,
        _ => 1080,
    };
    let (host, port) = match place.strip_prefix('[').and_then(|it| it.split_once(']')) {
        Some((host, port)) => (host, port.strip_prefix(':')),
        None => place.split_once(':').map_or((place, None), |(host, port)| (host, Some(port))),
    };
    let port = port.filter(|it| !it.is_empty()).map_or(Some(usual), |it| it.parse().ok())?;
    let odd = |c: char| !(c.is_ascii_alphanumeric() || "-_.:%".contains(c));
    (!host.is_empty() && !host.contains(odd)).then(|| Endpoint { host: cut(host, 255), port })
}

/// Whether `no_proxy` lets this host be reached without the proxy.
pub fn is_exempt(no_proxy: &str, host: &str) -> bool {
    let host = host.to_ascii_lowercase();
    no_proxy.split([',', ' ']).map(|it| it.trim().to_ascii_lowercase()).filter(|it| !it.is_empty()).any(
        |it| {
            let name = it.trim_start_matches("*.").trim_start_matches('.');
            it == "*" || host == name || host.strip_suffix(name).is_some_and(|rest| rest.ends_with('.'))
        },
    )
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The shape that scutil has without a proxy (macOS 26.6.2), with the keys of SCSchemaDefinitions.h added; not captured.
    const STATIC: &str = "<dictionary> {
  ExceptionsList : <array> {
    0 : *.local
    1 : 169.254/16
  }
  FTPPassive : 1
  HTTPEnable : 0
  HTTPSEnable : 1
  HTTPSPort : 8080
  HTTPSProxy : proxy.example.com
}
";

    fn endpoint(host: &str, port: u16) -> Option<Endpoint> {
        Some(Endpoint { host: host.to_owned(), port })
    }

    #[test]
    fn macos_settings() {
        let found = parse_scutil(STATIC).unwrap();
        assert_eq!((found.https, found.automatic), (endpoint("proxy.example.com", 8080), false));
        assert_eq!(
            parse_scutil(&STATIC.replace("HTTPSEnable : 1", "HTTPSEnable : 0")),
            Some(SystemProxy::default())
        );
        // httptoolkit/httptoolkit#151 (macOS 10.15.7).
        let script = "<dictionary> {
  ProxyAutoConfigEnable : 1
  ProxyAutoConfigURLString : http://wpad.company.com/wpad.dat
}
";
        assert_eq!(parse_scutil(script), Some(SystemProxy { https: None, automatic: true }));
        assert_eq!(parse_scutil("no"), None);
    }

    #[test]
    fn variables_of_a_shell() {
        // By curl(1).
        assert_eq!(parse_variable("http://proxy.corp:3128/"), endpoint("proxy.corp", 3128));
        assert_eq!(parse_variable("proxy.corp:3128"), endpoint("proxy.corp", 3128));
        assert_eq!(parse_variable("http://alice:p@ss:word@proxy.corp"), endpoint("proxy.corp", 80));
        assert_eq!(parse_variable("socks5h://[::1]:1080"), endpoint("::1", 1080));
        assert_eq!(parse_variable(""), None);
        assert_eq!(parse_variable("http://proxy.corp:port"), None);
    }

    #[test]
    fn exemptions() {
        assert!(is_exempt("localhost, .nixos.org", "cache.nixos.org"));
        assert!(is_exempt("*.nixos.org", "cache.nixos.org") && is_exempt("*", "x"));
        assert!(!is_exempt("nixos.org.example,xos.org", "cache.nixos.org") && !is_exempt("", "x"));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..200) {
            parse_scutil(&text);
            let mutated: String = STATIC.chars().take(at).chain(text.chars()).chain(STATIC.chars().skip(at)).collect();
            parse_scutil(&mutated);
            parse_variable(&text);
            is_exempt(&text, &text);
        }
    }
}
