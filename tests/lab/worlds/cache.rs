//! The binary caches and the network between.

use crate::world::{Expect, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "substituter-missing-own-file",
        doc: "Only alice's own nix.conf names the project's cache, and the daemon does not trust her.",
        before: "
            edit_etc nix/nix.conf '/^extra-substituters/d'
            mkdir -p $HOST/Users/alice/.config/nix
            echo 'extra-substituters = https://nix-postgres-artifacts.s3.amazonaws.com' >$HOST/Users/alice/.config/nix/nix.conf
            chown -R 501:20 $HOST/Users/alice/.config
        ",
        run: &[Run::alice(Expect::Roots(&["substituter-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-unreachable-503",
        doc: "cache.nixos.org answers 503.",
        before: "cache $CACHE 503",
        run: &[Run::alice(Expect::Warning(&["cache-unreachable"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-unreachable-hang",
        doc: "The project's cache accepts a connection and never answers.",
        before: "cache $PROJECT_CACHE hang",
        run: &[Run::alice(Expect::Warning(&["cache-unreachable"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-unreachable-close",
        doc: "Something closes each connection to cache.nixos.org before an answer.",
        before: "cache $CACHE close",
        run: &[Run::alice(Expect::Warning(&["cache-unreachable"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-captive-portal",
        doc: "A hotel's sign-in page answers in place of the caches.",
        before: "for name in $CACHE $PROJECT_CACHE captive.apple.com; do cache $name portal; done",
        run: &[Run::alice(Expect::Roots(&["cache-captive-portal"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-captive-portal-redirect",
        doc: "A hotel redirects each request to its sign-in page.",
        before: "for name in $CACHE $PROJECT_CACHE captive.apple.com; do cache $name redirect; done",
        run: &[Run::alice(Expect::Roots(&["cache-captive-portal"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-tls-intercepted",
        doc: "The company's proxy signs the certificates of all caches with its own CA.",
        before: "for name in $CACHE $PROJECT_CACHE; do cache $name intercepted; done",
        run: &[Run::alice(Expect::Roots(&["cache-tls-intercepted"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-ca-bundle-missing",
        doc: "The bundle of certificates that Nix reads is a link to nothing.",
        before: r#"
            rm $HOST/etc/ssl/certs/ca-certificates.crt
            ln -s /etc/static/ssl/certs/ca-certificates.crt $HOST/etc/ssl/certs/ca-certificates.crt
        "#,
        run: &[Run::alice(Expect::Roots(&["cache-ca-bundle-missing"]))],
        ..World::HEALTHY
    },
];
