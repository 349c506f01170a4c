//! Binary caches, GitHub, and the network.

use super::prelude::*;

pub const ROWS: &[Row] = &[
    Row {
        id: "github-rate-limit",
        any: &[
            "API rate limit exceeded",
            "api.github.com*HTTP error 401",
            "api.github.com*HTTP error 403",
            "api.github.com*HTTP error 429",
        ],
        look_at: "Whether access-tokens is set, and its token has not expired. The builder is not to blame.",
        samples: &[
            sample(
                "error:\n       … while fetching the input 'github:NixOS/nixpkgs/nixpkgs-unstable'\n\n       error: unable to download 'https://api.github.com/repos/NixOS/nixpkgs/commits/nixpkgs-unstable': HTTP error 403\n\n       response body:\n\n       {\"message\":\"API rate limit exceeded for <IP REMOVED>. (But here's the good news: Authenticated requests get a higher rate limit. Check out the documentation for more details.)\",\"documentation_url\":\"https://docs.github.com/rest/overview/resources-in-the-rest-api#rate-limiting\"}",
                "DeterminateSystems/zero-to-nix#340",
            ),
            sample(
                "{\"message\":\"API rate limit exceeded for <IP REMOVED>.\"}",
                "DeterminateSystems/zero-to-nix#340, its last line",
            ),
            sample(
                "error: unable to download 'https://api.github.com/repos/NixOS/nixpkgs/commits/HEAD': HTTP error 401",
                "the same with the code of an expired token",
            ),
            sample(
                "error: unable to download 'https://api.github.com/repos/NixOS/nixpkgs/commits/HEAD': HTTP error 429",
                "the same with another code",
            ),
        ],
        ..ROW
    },
    Row {
        id: "cache-ca-bundle-missing",
        any: &["Problem with the SSL CA cert"],
        look_at: "The file that NIX_SSL_CERT_FILE or ssl-cert-file names: whether it is there, and can be read.",
        samples: &[sample(
            "error: unable to download 'https://cache.nixos.org/gwxwlbb8fs84afdr00j3psymx7n3c8px.narinfo': Problem with the SSL CA cert (path? access rights?) (77)",
            "NixOS/nix#11087",
        )],
        ..ROW
    },
    Row {
        id: "cache-tls-intercepted",
        any: &[
            "SSL peer certificate or SSH remote key was not OK",
            "unable to get local issuer certificate",
            "curl error: SSL connect error",
        ],
        unless: &["vm-clock-skew", "vm-certs-share-lost"],
        look_at: "Who issued the certificate that is shown: a company's filter is not among the certificates that Nix trusts.",
        samples: &[
            sample(
                "warning: error: unable to download 'https://cache.nixos.org/17b5l9alb7qpsp8lmr5n6wxb28gym4jr.narinfo': SSL peer certificate or SSH remote key was not OK (60); retrying in 259 ms",
                "NixOS/nix#7914",
            ),
            sample("SSL certificate problem: unable to get local issuer certificate", "NixOS/nix#8081"),
            sample("HTTP error 302 (curl error: SSL connect error)", "NixOS/nix#7808"),
        ],
        ..ROW
    },
    Row {
        id: "cache-captive-portal",
        any: &["does not appear to be a binary cache", "HTTP error 511"],
        look_at: "What the cache's nix-cache-info says in a browser: a log-in page, or StoreDir: /nix/store.",
        samples: &[
            sample("error: ‘https://example.org’ does not appear to be a binary cache", "NixOS/nix#1340"),
            sample(
                "error: unable to download 'https://cache.nixos.org/nix-cache-info': HTTP error 511",
                "made after Nix's filetransfer.cc",
            ),
        ],
        ..ROW
    },
    Row {
        id: "proxy-not-seen-by-daemon",
        any: &["HTTP error 407"],
        look_at: "scutil --proxy, and which proxy variables the daemon's job has: it does not see those of a shell.",
        samples: &[sample(
            "error: unable to download 'https://cache.nixos.org/nix-cache-info': HTTP error 407",
            "made after Nix's filetransfer.cc",
        )],
        ..ROW
    },
    Row {
        id: "cache-auth-netrc",
        any: &["unable to download '*HTTP error 401", "unable to download '*HTTP error 403"],
        unless: &["github-rate-limit"],
        look_at: "Whether netrc-file has a login for this host, and the daemon can read it.",
        samples: &[
            sample(
                "error: unable to download 'https://private.cachix.org/nix-cache-info': HTTP error 401",
                "made after Nix's filetransfer.cc",
            ),
            sample(
                "warning: error: unable to download 'https://private.cachix.org/17b5l9alb7qpsp8lmr5n6wxb28gym4jr.narinfo': HTTP error 403",
                "made after Nix's filetransfer.cc",
            ),
        ],
        ..ROW
    },
    Row {
        id: "cache-unreachable",
        any: &[
            "Could not resolve hostname (6)",
            "Couldn't resolve host name (6)",
            "curl: (6) Could not resolve host",
            "Timeout was reached (28)",
            "Couldn't connect to server (7)",
            "Could not connect to server (7)",
            "disabling binary cache '",
        ],
        unless: &[
            "vm-dns-hardcoded",
            "cache-tls-intercepted",
            "cache-ca-bundle-missing",
            "cache-captive-portal",
            "proxy-not-seen-by-daemon",
        ],
        or: &["proxy-not-seen-by-daemon", "ipv6-broken", "vm-dns-hardcoded"],
        look_at: "Whether this Mac reaches the host at all, and over IPv4 and IPv6 alike: curl -4 and curl -6.",
        samples: &[
            sample(
                "warning: error: unable to download 'https://cache.nixos.org/nix-cache-info': Could not resolve hostname (6) Could not resolve host: cache.nixos.org; retrying in 259 ms",
                "Nix 2.34's filetransfer.cc, as in public reports",
            ),
            sample(
                "warning: error: unable to download 'https://cache.nixos.org/nix-cache-info': Timeout was reached (28); retrying in 313 ms",
                "made after Nix's filetransfer.cc",
            ),
            sample(
                "error: unable to download 'https://cache.nixos.org/nix-cache-info': Couldn't connect to server (7)",
                "made after Nix's filetransfer.cc",
            ),
            sample(
                "error: unable to download 'https://cache.nixos.org/nix-cache-info': Could not connect to server (7)",
                "the same as newer curl says it",
            ),
            sample(
                "error: unable to download 'https://cache.nixos.org/nix-cache-info': Couldn't resolve host name (6)",
                "made after Nix's filetransfer.cc, with the words of older curl",
            ),
            sample(
                "curl: (6) Could not resolve host: nix-cache.example.net",
                "curl's words of a public runbook",
            ),
            sample(
                "warning: disabling binary cache 'https://cache.nixos.org' for 60 seconds",
                "Nix's http-binary-cache-store.cc",
            ),
        ],
        ..ROW
    },
];
