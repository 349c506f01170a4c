//! The body of a binary cache's `/nix-cache-info`, and of a `.narinfo`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a cache says of itself.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CacheInfo {
    /// `/nix/store`.
    #[schemars(extend("x-kind" = "path"))]
    pub store_dir: String,
    /// Lower is asked first; none where the body has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub priority: Option<i64>,
    /// Whether it answers many questions at once.
    #[serde(default)]
    pub want_mass_query: bool,
}

/// What answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
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

/// What a cache says of one store path.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Narinfo {
    /// The names of the keys that signed it, each once.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub signers: Vec<String>,
    /// Its path is made of its contents, so that it needs no signature.
    #[serde(default)]
    pub content_addressed: bool,
}

/// The body of `HASH.narinfo` for this store path; None if it is of something else.
pub fn parse_narinfo(body: &str, path: &str) -> Option<Narinfo> {
    let mut fields = body.lines().take(200).filter_map(|line| line.split_once(": "));
    if !fields.any(|(name, value)| name == "StorePath" && value.trim() == path) {
        return None;
    }
    let mut found = Narinfo::default();
    for (name, value) in body.lines().take(200).filter_map(|line| line.split_once(": ")) {
        match (name, value.split_once(':')) {
            ("Sig", Some((signer, _))) => {
                let signer = crate::prose::line(&super::text::cut(signer.trim(), 200));
                if !found.signers.contains(&signer) {
                    found.signers.push(signer);
                }
            }
            ("CA", _) => found.content_addressed = true,
            _ => {}
        }
    }
    Some(found)
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

    /// The form in Nix's own sources (src/libstore/nar-info.cc), made by hand: not captured.
    const NARINFO: &str = "StorePath: /nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8
URL: nar/1w1fff338fvdw53sqgamddn1b2xgds473pv6y13gizdbqjv4i5p3.nar.xz
Compression: xz
NarHash: sha256:1impfw8zdgisxkghq9a3q7cn7jb9zyzgxdydiamp8z2nlyyl0h5h
NarSize: 226560
References: 
Sig: cache.nixos.org-1:8ijECciSFzWHwwGVOIVYdp2fOIOJAfmzGHPQVwpktfTQJF6kMPPDre7UtFw3o+VqenC5P8RikKOAAfN7CvPEAg==
Sig: cache.nixos.org-1:again
Sig: mirror-1:0000
";

    #[test]
    fn narinfos() {
        let path = "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8";
        let found = parse_narinfo(NARINFO, path).unwrap();
        assert_eq!(
            (found.signers.join(" "), found.content_addressed),
            ("cache.nixos.org-1 mirror-1".to_owned(), false)
        );
        assert_eq!(parse_narinfo(NARINFO, "/nix/store/other"), None);
        let made_of_contents = NARINFO.replace("References: \n", "CA: fixed:r:sha256:0\n");
        assert!(parse_narinfo(&made_of_contents, path).unwrap().content_addressed);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..60) {
            parse_cache_info(&text);
            parse_narinfo(&text, "/nix/store/x");
            parse_narinfo(&format!("StorePath: x\n{text}"), "x");
            parse_cache_info(&BODY.chars().take(at).chain(text.chars()).chain(BODY.chars().skip(at)).collect::<String>());
        }
    }
}
