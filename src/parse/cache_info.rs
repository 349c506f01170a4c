//! The body of a binary cache's `/nix-cache-info`.

use serde::{Deserialize, Serialize};

/// What a cache says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct CacheInfo {
    /// `/nix/store`.
    pub store_dir: String,
    /// Lower is asked first; none where the body has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Whether it answers many questions at once.
    #[serde(default)]
    pub want_mass_query: bool,
}

/// What answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum CacheAnswer {
    /// A cache.
    Cache(CacheInfo),
    /// Something else, such as a captive portal.
    NotACache {
        /// Whether it is a web page.
        looks_like_html: bool,
    },
}

/// The body of `/nix-cache-info`.
pub fn parse_cache_info(body: &str) -> CacheAnswer {
    let field = |name: &str| {
        body.lines().find_map(|l| l.split_once(':').filter(|(n, _)| n.trim() == name)).map(|(_, v)| v.trim())
    };
    match field("StoreDir").filter(|dir| dir.starts_with('/') && dir.len() < 1000) {
        Some(store_dir) => CacheAnswer::Cache(CacheInfo {
            store_dir: store_dir.to_owned(),
            priority: field("Priority").and_then(|v| v.parse().ok()),
            want_mass_query: field("WantMassQuery") == Some("1"),
        }),
        None => CacheAnswer::NotACache { looks_like_html: looks_like_html(body) },
    }
}

fn looks_like_html(body: &str) -> bool {
    let start = super::text::cut(body.trim_start_matches('\u{feff}').trim_start(), 4096).to_ascii_lowercase();
    start.starts_with("<!doctype html") || start.contains("<html") || start.contains("<head")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The form in Nix's own sources (src/libstore/binary-cache-store.cc); not captured here.
    const BODY: &str = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n";

    #[test]
    fn bodies() {
        let info =
            CacheInfo { store_dir: "/nix/store".to_owned(), priority: Some(40), want_mass_query: true };
        assert_eq!(parse_cache_info(BODY), CacheAnswer::Cache(info));
        assert_eq!(
            parse_cache_info("<!DOCTYPE HTML><p>Log in"),
            CacheAnswer::NotACache { looks_like_html: true }
        );
        assert_eq!(parse_cache_info(""), CacheAnswer::NotACache { looks_like_html: false });
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..60) {
            parse_cache_info(&text);
            parse_cache_info(&BODY.chars().take(at).chain(text.chars()).chain(BODY.chars().skip(at)).collect::<String>());
        }
    }
}
