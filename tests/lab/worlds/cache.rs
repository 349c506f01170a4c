//! The binary caches and the network between.

use crate::world::{Expect, Run, Who, World};

const QUICK: &[&str] = &["--json", "--quick"];
/// A quick look asks each cache once, and makes no other connection.
const QUICK_HEALTHY: Run = Run { who: Who::Alice, args: QUICK, expect: Expect::Healthy };
const QUICK_UNTRUSTED: Run =
    Run { who: Who::Alice, args: QUICK, expect: Expect::Warning(&["cache-untrusted-substituter"]) };

pub const WORLDS: &[World] = &[
    World {
        name: "cache-untrusted-substituter",
        doc: "Only alice's own nix.conf names the project's cache, and the daemon does not trust her.",
        before: "
            edit_etc nix/nix.conf '/^extra-substituters/d'
            mkdir -p $HOST/Users/alice/.config/nix
            echo 'extra-substituters = https://nix-postgres-artifacts.s3.amazonaws.com' >$HOST/Users/alice/.config/nix/nix.conf
            chown -R 501:20 $HOST/Users/alice/.config
        ",
        run: &[Run::alice(Expect::Warning(&["cache-untrusted-substituter"])), QUICK_UNTRUSTED],
        ..World::HEALTHY
    },
    World {
        name: "cache-untrusted-substituter-environment",
        doc: "A cache of alice's own stands in her NIX_CONFIG, and the daemon ignores it.",
        before: "
            LAB_ENV=('NIX_CONFIG=extra-substituters = https://rstats-on-nix.cachix.org')
            site rstats-on-nix.cachix.org
        ",
        run: &[Run::alice(Expect::Warning(&["cache-untrusted-substituter"]))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-own-substituters",
        doc: "Alice's own nix.conf repeats the system's caches, and the system allows her one more.",
        before: "
            edit_etc nix/nix.conf 's,^trusted-substituters.*,& https://alice.cachix.org,'
            mkdir -p $HOST/Users/alice/.config/nix
            echo 'extra-substituters = https://cache.nixos.org https://alice.cachix.org' >$HOST/Users/alice/.config/nix/nix.conf
            chown -R 501:20 $HOST/Users/alice/.config
            site alice.cachix.org
        ",
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "cache-untrusted-substituter-slash",
        doc: "The system allows alice's cache, and she writes it with a slash: to Nix 2.34 that is another one.",
        before: "
            edit_etc nix/nix.conf 's,^trusted-substituters.*,& https://alice.cachix.org,'
            LAB_ENV=('NIX_CONFIG=extra-substituters = https://alice.cachix.org/')
            site alice.cachix.org
        ",
        run: &[Run::alice(Expect::Warning(&["cache-untrusted-substituter"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-untrusted-substituter-stale",
        doc: "The system's file was changed to allow alice's cache, and the daemon was not restarted since.",
        before: "
            LAB_ENV=('NIX_CONFIG=extra-substituters = https://alice.cachix.org')
            site alice.cachix.org
        ",
        after: "edit_etc nix/nix.conf 's,^trusted-substituters.*,& https://alice.cachix.org,'",
        run: &[Run::alice(Expect::Warning(&["cache-untrusted-substituter"]))],
        ..World::HEALTHY
    },
    World {
        name: "cache-key-mismatch",
        doc: "cache.nixos.org signs with a new key. The signature itself is made up: its name is enough.",
        before: "narinfo $CACHE $(cat $HOST/nix/.lab-nix) cache.nixos.org-2",
        run: &[Run::alice(Expect::Warning(&["cache-key-mismatch"])), QUICK_HEALTHY],
        ..World::HEALTHY
    },
    World {
        name: "cache-signature-untrusted",
        doc: "A cache has nixpkgs#hello, signed by a key that nobody trusts (a made-up signature).",
        after: r#"
            hello=$(as_alice nix eval --raw nixpkgs#legacyPackages.aarch64-linux.hello.outPath)
            narinfo $CACHE $hello stranger-1
        "#,
        run: &[
            Run { who: Who::Alice, args: &["--json", "--deep"], expect: Expect::Warning(&["cache-signature-untrusted"]) },
            Run::alice(Expect::Healthy),
        ],
        ..World::HEALTHY
    },
    World {
        name: "cache-auth-netrc",
        doc: "The project's cache asks for a login, and there is no netrc.",
        before: "cache $PROJECT_CACHE 401",
        run: &[Run::alice(Expect::Warning(&["cache-auth-netrc"]))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-private-cache",
        doc: "The project's cache asks for a login, and root's netrc has one.",
        before: "
            cache $PROJECT_CACHE 401
            echo 'machine nix-postgres-artifacts.s3.amazonaws.com login a password b' >$HOST/etc/nix/netrc
            chmod 600 $HOST/etc/nix/netrc
        ",
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "proxy-not-seen-by-daemon",
        doc: "Only a proxy leads to the caches: alice's shell names it, the daemon's job does not.",
        before: "
            sed -i '/cache.nixos.org/d' $HOST/etc/hosts
            LAB_ENV=('https_proxy=http://alice:secret@127.0.0.1:3128')
            serve 3128 proxy
        ",
        run: &[Run::alice(Expect::Warning(&["proxy-not-seen-by-daemon"]))],
        ..World::HEALTHY
    },
    World {
        name: "proxy-not-seen-by-daemon-system",
        doc: "Only a proxy leads to the caches, and only macOS's network settings know it.",
        before: "
            sed -i '/cache.nixos.org/d' $HOST/etc/hosts
            printf '  HTTPSEnable : 1\n  HTTPSPort : 3128\n  HTTPSProxy : 127.0.0.1\n' >$LAB/proxy
            serve 3128 proxy
        ",
        run: &[Run::alice(Expect::Warning(&["proxy-not-seen-by-daemon"]))],
        ..World::HEALTHY
    },
    World {
        name: "healthy-unneeded-proxy",
        doc: "Alice's shell names a proxy that the daemon does not need.",
        before: "
            LAB_ENV=('https_proxy=http://127.0.0.1:3128')
            serve 3128 proxy
        ",
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "ipv6-broken",
        doc: "cache.nixos.org has an IPv6 address that swallows connections.",
        before: "
            ip -6 address add 2001:db8::17/64 dev en0 nodad
            ip -6 neighbour add 2001:db8::99 lladdr 02:00:00:00:00:99 dev en0 nud permanent
            echo '2001:db8::99 cache.nixos.org' >>$HOST/etc/hosts
        ",
        run: &[Run::alice(Expect::Warning(&["ipv6-broken"])), QUICK_HEALTHY],
        ..World::HEALTHY
    },
    World {
        name: "healthy-without-ipv6",
        doc: "cache.nixos.org has an IPv6 address, and this network has no IPv6 at all.",
        before: "echo '2001:db8::99 cache.nixos.org' >>$HOST/etc/hosts",
        run: &[Run::alice(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "github-rate-limit",
        doc: "The registry leads to GitHub, which answers no more for this hour.",
        before: r#"
            echo '{"flakes":[{"exact":true,"from":{"id":"nixpkgs","type":"indirect"},"to":{"owner":"NixOS","repo":"nixpkgs","type":"github"}}],"version":2}' |
                etc_file nix/registry.json
            site api.github.com
            cache api.github.com limited
        "#,
        run: &[Run { who: Who::Alice, args: &["--json", "--deep"], expect: Expect::Warning(&["github-rate-limit"]) }],
        ..World::HEALTHY
    },
    World {
        name: "github-rate-limit-token",
        doc: "The registry leads to GitHub, which refuses alice's token.",
        before: r#"
            echo '{"flakes":[{"exact":true,"from":{"id":"nixpkgs","type":"indirect"},"to":{"owner":"NixOS","repo":"nixpkgs","type":"github"}}],"version":2}' |
                etc_file nix/registry.json
            site api.github.com
            cache api.github.com bad-token
            LAB_ENV=('NIX_CONFIG=access-tokens = github.com=ghp_expired')
        "#,
        run: &[Run { who: Who::Alice, args: &["--json", "--deep"], expect: Expect::Warning(&["github-rate-limit"]) }],
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
// Not made here, and tested by evidence alone: a key that only the VM lacks, as the VM asks no cache that the Mac does not
// ask before it; a proxy that a script of macOS's settings decides on.
