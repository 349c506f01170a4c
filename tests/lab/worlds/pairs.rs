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
    // The VM itself asks the portal, and says no more of it than that the builder failed.
    Pair("cache-captive-portal", "store-untrusted-by-guest", &["cache-captive-portal"]),
];
