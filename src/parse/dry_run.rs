//! `nix build --dry-run`: what would be built here, and what would be fetched.

use super::text::{clean, cut};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// So many derivations are named.
const MOST_NAMED: usize = 5;

/// What a build would take.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct DryRun {
    /// How many derivations would be built.
    pub built: usize,
    /// How many paths would be fetched.
    pub fetched: usize,
    /// The names of the first few that would be built.
    #[schemars(extend("x-kind" = "text"))]
    pub names: Vec<String>,
}

/// Reads what Nix prints on standard error; nothing to do is nothing printed.
pub fn parse(stderr: &str) -> DryRun {
    #[derive(PartialEq)]
    enum List {
        None,
        Built,
        Fetched,
    }
    let (mut found, mut list) = (DryRun::default(), List::None);
    for line in clean(stderr).lines() {
        if let Some(path) = line.strip_prefix("  /nix/store/") {
            match list {
                List::Built => {
                    found.built += 1;
                    let name = path.split_once('-').map_or(path, |(_, name)| name);
                    if found.names.len() < MOST_NAMED {
                        found.names.push(cut(name.trim().trim_end_matches(".drv"), 100));
                    }
                }
                List::Fetched => found.fetched += 1,
                List::None => {}
            }
            continue;
        }
        let has = |word: &str| line.contains(word) && line.trim_end().ends_with(':');
        list = match () {
            () if has("will be built") => List::Built,
            () if has("will be fetched") => List::Fetched,
            () => List::None,
        };
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_would_be_built_is_told_from_what_would_be_fetched() {
        // Nix 2.34.8, of a derivation that depends on another one and on a path that a cache has.
        let text = "these 2 derivations will be built:\n  /nix/store/8znv0cjrl0bg9zmxhjp81n4wpcr5ifa0-nixos-vm.drv\n  /nix/store/xhr47lvgz9aff43mc3j35gc7l40ng6nn-darwin-system-26.05.drv\nthis path will be fetched (0.01 MiB download, 0.10 MiB unpacked):\n  /nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8\n";
        let found = parse(text);
        assert_eq!((found.built, found.fetched), (2, 1));
        assert_eq!(found.names, ["nixos-vm", "darwin-system-26.05"]);
        let one = "this derivation will be built:\n  /nix/store/nm6kxxs2193g7axrfsrmka2ppf17kvlx-x.drv\n";
        assert_eq!(parse(one).built, 1);
        assert_eq!(parse("warning: Git tree '/x' is dirty\n"), DryRun::default());
    }

    proptest! {
        #[test]
        fn whatever_it_prints_is_read(text in "(this derivation will be built:\n|  /nix/store/[a-z-]{0,9}\n|\\PC*\n){0,20}") {
            let found = parse(&text);
            prop_assert!(found.names.len() <= MOST_NAMED && found.names.len() <= found.built);
        }
    }
}
