//! Builds that Nix makes before it has told what it will build.

use super::prelude::*;

/// See the module.
pub static TOPIC: Topic = Topic {
    id: "preferlocal-ifd-surprises",
    title: "Some Linux derivations are built while Nix still evaluates",
    why: "An expression that reads what a build made (import from derivation) needs that build in the middle of the \
          evaluation. If it is a Linux derivation, a Linux builder must answer then, and its failure looks like an error \
          in the expression. Derivations with preferLocalBuild, such as those of runCommandLocal, are tried on the Mac \
          first and given to a machine only then.",
    advice: Advice::safe(
        &["builder-doctor"],
        "With a sound builder these builds run there. To find the expression, add --show-trace to the command. To see \
         whether it is one, add --option allow-import-from-derivation false: the evaluation then stops at it.",
    ),
    references: &[
        "https://nix.dev/manual/nix/latest/language/import-from-derivation",
        "svanderburg/node2nix#297",
    ],
    see: &[&config::builders_empty::CHECK, &machines::machines_system_not_offered::CHECK],
};
