//! The binary caches, asked as Nix asks them: by the certificates that Nix trusts, not by the system's.

use super::nix_config::ConfigView;
use super::{Look, Probe, conf_files};
use crate::host::{FetchStage, HostError};
use crate::parse::cache_info::{CacheAnswer, parse_cache_info};
use crate::parse::text::scrub;
use serde::{Deserialize, Serialize};
use std::path::Path;
use std::time::Duration;

/// The certificates, and what each cache answered.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Caches {
    /// The file of certificates that Nix trusts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub bundle: Option<Bundle>,
    /// One a cache.
    pub answers: Vec<CacheView>,
}

/// The file of certificates that Nix trusts.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Bundle {
    /// Its path.
    pub path: String,
    /// What names it: a file of settings, the daemon's launchd job, or Nix's default.
    pub named_by: String,
    /// What is there.
    pub state: BundleState,
}

/// What is at the bundle's path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum BundleState {
    /// So many certificates.
    Certificates(usize),
    /// Nothing, or a link that leads nowhere.
    Missing,
    /// It cannot be read, because of this.
    Unreadable(String),
}

/// What one cache answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheView {
    /// As expected or configured, without secrets.
    pub url: String,
    /// What came of asking for its nix-cache-info.
    pub answer: CacheReply,
}

/// What came of asking a cache for its nix-cache-info.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheReply {
    /// A binary cache for this store folder.
    Cache {
        /// `/nix/store`.
        store_dir: String,
    },
    /// Something answered, and it is no binary cache.
    NotACache {
        /// The answer is a web page.
        html: bool,
        /// Where it came from, redirects followed.
        from: String,
    },
    /// An HTTP status that is not 200.
    Status(u16),
    /// Its certificate is not vouched for by the bundle.
    Untrusted(String),
    /// No answer, for this reason.
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
    let (bundle, pem) = bundle(look);
    let pem = pem.as_deref();
    let answers = std::thread::scope(|scope| {
        let asked: Vec<_> = urls.iter().map(|url| scope.spawn(|| ask(look, url, pem))).collect();
        asked.into_iter().filter_map(|it| it.join().ok()).collect()
    });
    Probe::seen(Caches { bundle, answers }, "GET /nix-cache-info of each cache")
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
    CacheView { url: scrub(url).replace("<redacted>@", ""), answer }
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
