//! Two faults at once, on different branches: both are causes, the graver and the nearer to a build first.

use crate::derived::Pair;

pub const PAIRS: &[Pair] = &[
    Pair("ssh-key-too-open", "substituter-missing", &["ssh-key-too-open", "substituter-missing"]),
    Pair(
        "builder-service-disabled",
        "cache-captive-portal",
        &["builder-service-disabled", "cache-captive-portal"],
    ),
    Pair("machines-feature-missing", "ssh-key-too-open", &["ssh-key-too-open", "machines-feature-missing"]),
    Pair(
        "machines-feature-missing",
        "builder-service-not-loaded",
        &["builder-service-not-loaded", "machines-feature-missing"],
    ),
    Pair("vm-unresponsive", "host-disk-low", &["vm-unresponsive", "host-disk-low"]),
    Pair("ssh-host-key-mismatch", "cache-unreachable-503", &["ssh-host-key-mismatch", "cache-unreachable"]),
    Pair("builders-empty", "builder-service-not-loaded", &["builders-empty", "builder-service-not-loaded"]),
    Pair("ssh-alias-missing", "trusted-key-missing", &["ssh-alias-missing", "trusted-key-missing"]),
    Pair(
        "machines-system-not-offered",
        "cache-tls-intercepted",
        &["machines-system-not-offered", "cache-tls-intercepted"],
    ),
    Pair(
        "daemon-not-running",
        "builder-service-disabled",
        &["builder-service-disabled", "daemon-not-running"],
    ),
    Pair(
        "proxy-not-seen-by-daemon",
        "builder-service-disabled",
        &["builder-service-disabled", "proxy-not-seen-by-daemon"],
    ),
    Pair("vm-clock-skew", "substituter-missing", &["substituter-missing", "vm-clock-skew"]),
    Pair("max-jobs-zero", "ssh-key-too-open", &["ssh-key-too-open", "max-jobs-zero"]),
    Pair("qemu11-hvf-sme-abort", "cache-auth-netrc", &["qemu11-hvf-sme-abort", "cache-auth-netrc"]),
    Pair(
        "ssh-multiplexing-in-protocol",
        "machines-feature-missing",
        &["machines-feature-missing", "ssh-multiplexing-in-protocol"],
    ),
    Pair("synthetic-conf-lost", "trusted-key-missing", &["synthetic-conf-lost", "trusted-key-missing"]),
    Pair(
        "machines-duplicate-builders",
        "builder-service-not-loaded",
        &["builder-service-not-loaded", "machines-duplicate-builders"],
    ),
    Pair(
        "client-setting-refused-untrusted",
        "vm-not-listening",
        &["vm-not-listening", "client-setting-refused-untrusted"],
    ),
    Pair("shell-hook-wiped", "ssh-alias-missing", &["ssh-alias-missing", "shell-hook-wiped"]),
    Pair(
        "vm-working-directory-missing",
        "extra-platforms-claims-linux",
        &["vm-working-directory-missing", "extra-platforms-claims-linux"],
    ),
    // The VM itself asks the portal, and says no more of it than that the builder failed.
    Pair("cache-captive-portal", "store-untrusted-by-guest", &["cache-captive-portal"]),
];
