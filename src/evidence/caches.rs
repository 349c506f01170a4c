//! The binary caches, asked as Nix asks them: by the certificates that Nix trusts, not by the system's.

use super::nix_config::ConfigView;
use super::{Look, Probe, conf_files};
use crate::expectations::store_path_hash;
use crate::host::{FetchStage, HostError};
use crate::parse::cache_info::{CacheAnswer, Narinfo, parse_cache_info, parse_narinfo};
use crate::parse::text::scrub;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// The certificates, and what each cache answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Caches {
    /// The file of certificates that Nix trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// One a cache.
    pub answers: Vec<CacheView>,
    /// The file of logins; looked for only where a cache asks for one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub netrc: Option<Netrc>,
}

/// Nix's file of logins. What is in it is never read.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Netrc {
    /// It is at /etc/nix/netrc, or would be.
    pub usual_place: bool,
    /// Whether it is there; None where that cannot be told.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exists: Option<bool>,
}

/// A store path that a cache has, and who signed it there.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownPath {
    /// `/nix/store/<hash>-nix-2.34.8`.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What the cache says of it; None where it does not have it, or says something else.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub narinfo: Option<Narinfo>,
}

/// The file of certificates that Nix trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Bundle {
    /// Its path.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What names it: a file of settings, the daemon's launchd job, or Nix's default.
    #[schemars(extend("x-kind" = "text"))]
    pub named_by: String,
    /// What is there.
    pub state: BundleState,
}

/// What is at the bundle's path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BundleState {
    /// So many certificates.
    Certificates(usize),
    /// Nothing, or a link that leads nowhere.
    Missing,
    /// It cannot be read, because of this.
    #[schemars(extend("x-kind" = "text"))]
    Unreadable(String),
}

/// What one cache answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheView {
    /// As expected or configured, without secrets.
    #[schemars(extend("x-kind" = "url"))]
    pub url: String,
    /// What came of asking for its nix-cache-info.
    pub answer: CacheReply,
    /// Who issued the certificate that it shows; asked only where that is not trusted.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub issuer: Option<String>,
    /// The URL that Nix has holds a login, which we neither keep nor send.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub login_in_url: bool,
    /// Who signed a path that it has; asked only in a full look.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub known_path: Option<KnownPath>,
}

impl CacheView {
    /// A cache's answer, and nothing else of it.
    pub fn new(url: impl Into<String>, answer: CacheReply) -> Self {
        CacheView { url: url.into(), answer, issuer: None, login_in_url: false, known_path: None }
    }
}

/// What came of asking a cache for its nix-cache-info.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CacheReply {
    /// A binary cache for this store folder.
    Cache {
        /// `/nix/store`.
        #[schemars(extend("x-kind" = "path"))]
        store_dir: String,
    },
    /// Something answered, and it is no binary cache.
    NotACache {
        /// The answer is a web page.
        html: bool,
        /// Where it came from, redirects followed.
        #[schemars(extend("x-kind" = "text"))]
        from: String,
    },
    /// An HTTP status that is not 200.
    Status(u16),
    /// Its certificate is not vouched for by the bundle.
    #[schemars(extend("x-kind" = "text"))]
    Untrusted(String),
    /// No answer, for this reason.
    #[schemars(extend("x-kind" = "text"))]
    Unreachable(String),
    /// Not a cache that can be asked over HTTP (a folder, s3://, ssh://), or no certificates to ask it by.
    NotAsked,
}

/// More caches than this are not asked.
const MOST: usize = 8;
const DEADLINE: Duration = Duration::from_secs(5);

/// A substituter's URL as Nix compares it: without query and trailing slash; and without a login, which we
/// neither keep nor send.
pub fn plain(url: &str) -> String {
    let url = url.split(['?', '#']).next().unwrap_or(url).trim_end_matches('/');
    match url.split_once("://") {
        Some((scheme, rest)) => {
            let host = rest.split('/').next().unwrap_or(rest);
            let login = host.rfind('@').map_or(0, |at| at + 1);
            format!("{scheme}://{}", &rest[login..])
        }
        None => url.to_owned(),
    }
}

pub(super) fn probe(look: &Look) -> Probe<Caches> {
    if let Some(why) = &look.wanted.offline {
        return Probe::not_taken(why.clone());
    }
    if super::nix::locate(look.host).is_none() {
        return Probe::blind("there is no Nix that would use them");
    }
    let mut urls: Vec<String> = Vec::new();
    let configured = match look.nix_config().get() {
        Ok(ConfigView::Read(config)) => config.substituters.clone().unwrap_or_default(),
        _ => Vec::new(),
    };
    for url in look.want.cache.iter().map(|cache| &cache.url).chain(&configured) {
        if !urls.iter().any(|known| plain(known) == plain(url)) && urls.len() < MOST {
            urls.push(url.clone());
        }
    }
    let logins: Vec<String> = configured.iter().filter(|url| has_login(url)).map(|url| plain(url)).collect();
    let (bundle, pem) = bundle(look);
    let pem = pem.as_deref();
    let answers = std::thread::scope(|scope| {
        let asked: Vec<_> = urls.iter().map(|url| scope.spawn(|| ask(look, url, pem))).collect();
        asked.into_iter().filter_map(|it| it.join().ok()).collect::<Vec<_>>()
    });
    let login = |mut view: CacheView| {
        view.login_in_url = logins.contains(&plain(&view.url));
        view
    };
    let answers: Vec<CacheView> = answers.into_iter().map(login).collect();
    let wanted = answers.iter().any(|it| matches!(it.answer, CacheReply::Status(401 | 403 | 407)));
    let netrc = if wanted { Some(netrc(look)) } else { None };
    Probe::seen(Caches { bundle, answers, netrc }, "GET /nix-cache-info of each cache")
}

fn has_login(url: &str) -> bool {
    let authority = url.split_once("://").and_then(|(_, rest)| rest.split('/').next());
    authority.is_some_and(|it| it.contains('@'))
}

/// Whether it is there. Where it is, if not at its usual place, is told to nobody.
fn netrc(look: &Look) -> Netrc {
    const USUAL: &str = "/etc/nix/netrc";
    let named = super::nix::command(look.host, &["config", "show", "netrc-file"])
        .and_then(|command| look.host.run(&command).ok())
        .filter(|output| output.ok() && output.stdout.starts_with('/'))
        .map(|output| output.stdout.trim_end().to_owned());
    let exists = named.as_ref().and_then(|path| match look.host.stat(Path::new(path)) {
        Ok(_) => Some(true),
        Err(HostError::NotFound) => Some(false),
        Err(_) => None,
    });
    Netrc { usual_place: named.is_none_or(|path| path == USUAL), exists }
}

/// A store path that this cache is known to have: the expectations name it, or it is upstream's own Nix.
fn known_path(look: &Look, url: &str) -> Option<String> {
    let named = look.want.cache.iter().find(|cache| plain(&cache.url) == plain(url))?;
    if named.known_path.is_some() {
        return named.known_path.clone();
    }
    let (nix, _) = super::nix::locate(look.host).filter(|_| plain(url) == "https://cache.nixos.org")?;
    let end = look.host.canonical(&nix).ok()?;
    super::nix::version_of_store_path(&end)?;
    let path: std::path::PathBuf = end.components().take(4).collect();
    Some(path.display().to_string())
}

fn ask_signature(look: &Look, url: &str, pem: &[u8]) -> Option<KnownPath> {
    if look.wanted.no_builds.is_some() {
        return None;
    }
    let path = known_path(look, url)?;
    let address = format!("{}/{}.narinfo", plain(url), store_path_hash(&path)?);
    let answer = look.host.fetch(&address, Some(pem), DEADLINE).ok().filter(|it| it.status == 200);
    Some(KnownPath { narinfo: answer.and_then(|it| parse_narinfo(&it.body, &path)), path })
}

/// The bundle that the daemon trusts, as it is the daemon that downloads.
fn bundle(look: &Look) -> (Option<Bundle>, Option<Vec<u8>>) {
    let files = look.conf_files().get().map(Vec::as_slice).unwrap_or_default();
    let set = conf_files::origin(files, "ssl-cert-file").map(|it| (it.value.clone(), it.place.path.clone()));
    let daemon = || {
        let label = look.managers().get().ok()?.daemon_label();
        let plist = super::service::read_plist(look, super::service::usual_place(label));
        let super::service::PlistState::Present(job) = plist.state else { return None };
        Some((job.environment.nix_ssl_cert_file?, plist.path))
    };
    let own = || match look.nix_config().get() {
        Ok(ConfigView::Read(config)) => Some((config.ssl_cert_file.clone()?, "nix config show".to_owned())),
        _ => None,
    };
    let Some((path, named_by)) = set.or_else(daemon).or_else(own).filter(|(path, _)| !path.is_empty()) else {
        return (None, None);
    };
    let (state, pem) = match look.host.read(Path::new(&path)) {
        Ok(bytes) => {
            let mark: &[u8] = b"BEGIN CERTIFICATE";
            let certificates = bytes.windows(mark.len()).filter(|window| *window == mark).count();
            (BundleState::Certificates(certificates), Some(bytes))
        }
        Err(HostError::NotFound) => (BundleState::Missing, None),
        Err(error) => (BundleState::Unreadable(error.to_string()), None),
    };
    (Some(Bundle { path, named_by, state }), pem)
}

fn ask(look: &Look, url: &str, pem: Option<&[u8]>) -> CacheView {
    let address = plain(url);
    // Asked by no certificates, every cache would look like an impostor.
    let can_ask = address.starts_with("http://") || (address.starts_with("https://") && pem.is_some());
    let answer = if !can_ask {
        CacheReply::NotAsked
    } else {
        match look.host.fetch(&format!("{address}/nix-cache-info"), Some(pem.unwrap_or_default()), DEADLINE) {
            Ok(answer) if answer.status == 200 => match parse_cache_info(&answer.body) {
                CacheAnswer::Cache(info) => CacheReply::Cache { store_dir: info.store_dir },
                CacheAnswer::NotACache { looks_like_html } => {
                    CacheReply::NotACache { html: looks_like_html, from: scrub(&plain(&answer.url)) }
                }
            },
            Ok(answer) => CacheReply::Status(answer.status),
            Err(error) if error.at == FetchStage::Certificate => {
                CacheReply::Untrusted(crate::prose::line(&error.text))
            }
            Err(error) => CacheReply::Unreachable(crate::prose::line(&error.text)),
        }
    };
    let mut view = CacheView::new(scrub(url).replace("<redacted>@", ""), answer);
    match &view.answer {
        CacheReply::Untrusted(_) => {
            let shown = look.host.certificate(&format!("{address}/nix-cache-info"), DEADLINE);
            view.issuer = shown.and_then(|der| crate::parse::certificate::issuer(&der));
        }
        CacheReply::Cache { .. } => view.known_path = ask_signature(look, url, pem.unwrap_or_default()),
        _ => {}
    }
    view
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn urls_are_compared_without_what_does_not_name_the_cache() {
        assert_eq!(plain("https://cache.nixos.org/?priority=10"), "https://cache.nixos.org");
        assert_eq!(plain("https://user:pass@word@cache.example/x/"), "https://cache.example/x");
        assert_eq!(plain("https://cache.example/a@b"), "https://cache.example/a@b");
        assert_eq!(plain("/mnt/cache"), "/mnt/cache");
    }
}
