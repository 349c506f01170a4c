//! `uname -sm`, `sw_vers`, `df -k PATH` and `sysctl NAME…`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// `uname -sm`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Uname {
    /// `Darwin`, `Linux`.
    #[schemars(extend("x-kind" = "public"))]
    pub kernel: String,
    /// `arm64`, `x86_64`, `aarch64`.
    #[schemars(extend("x-kind" = "public"))]
    pub machine: String,
}

/// `sw_vers`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct SwVers {
    /// `macOS`.
    #[schemars(extend("x-kind" = "public"))]
    pub product: String,
    /// `26.6.2`.
    #[schemars(extend("x-kind" = "public"))]
    pub version: String,
    /// `25G83`.
    #[schemars(extend("x-kind" = "public"))]
    pub build: String,
}

/// `df -k PATH`, in KiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Df {
    /// The size of the file system.
    pub total_kib: u64,
    /// What is left to write.
    pub free_kib: u64,
}

/// `uname -sm`.
pub fn parse_uname(text: &str) -> Option<Uname> {
    let mut words = text.split_whitespace();
    let (kernel, machine) = (words.next()?, words.next()?);
    let plain = |w: &str| w.len() <= 32 && w.chars().all(|c| c.is_ascii_alphanumeric() || "_-.".contains(c));
    let fits = words.next().is_none() && plain(kernel) && plain(machine);
    fits.then(|| Uname { kernel: kernel.to_owned(), machine: machine.to_owned() })
}

/// `sw_vers`; None where it names no version.
pub fn parse_sw_vers(text: &str) -> Option<SwVers> {
    let field = |name: &str| {
        let value = text
            .lines()
            .find_map(|l| l.split_once(':').filter(|(n, _)| n.trim() == name))
            .map(|(_, v)| v.trim());
        value.map_or_else(String::new, |v| super::text::cut(v, 100))
    };
    let found = SwVers {
        product: field("ProductName"),
        version: field("ProductVersion"),
        build: field("BuildVersion"),
    };
    (!found.version.is_empty()).then_some(found)
}

/// `df -k PATH`, macOS's or GNU's, also where a long device name has a line of its own.
pub fn parse_df(text: &str) -> Option<Df> {
    let mut lines = text.lines().skip_while(|l| !l.contains("1024-blocks") && !l.contains("1K-blocks"));
    lines.next()?;
    let rest: Vec<&str> = lines.take(2).flat_map(str::split_whitespace).take(64).collect();
    // The numbers end with the used percentage: a device name may hold spaces and digits.
    let percent = rest.iter().position(|w| w.strip_suffix('%').is_some_and(|n| n.parse::<u32>().is_ok()))?;
    let number = |back: usize| rest.get(percent.checked_sub(back)?)?.parse::<u64>().ok();
    let (total_kib, _used, free_kib) = (number(3)?, number(2)?, number(1)?);
    Some(Df { total_kib, free_kib })
}

/// `sysctl NAME…`: a line `name: value` for each that this Mac knows.
pub fn parse_sysctl(text: &str) -> BTreeMap<String, String> {
    let plain = |name: &str| name.contains('.') && !name.contains(char::is_whitespace) && name.len() <= 64;
    text.lines()
        .take(64)
        .filter_map(|line| line.split_once(": "))
        .filter(|(name, _)| plain(name))
        .map(|(name, value)| (name.to_owned(), crate::prose::line(value)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Catalogue 11.8, macOS 26.6.2.
    const SW_VERS: &str = "ProductName:\t\tmacOS\nProductVersion:\t\t26.6.2\nBuildVersion:\t\t25G83\n";
    /// The columns of macOS's df; no capture of one is in the references.
    const MACOS: &str =
        "Filesystem   1024-blocks      Used Available Capacity iused      ifree %iused  Mounted on
/dev/disk3s7   482797652  61234567 210123456    23%  987654 2101234560    0%   /nix
";
    /// Printed by GNU coreutils on Debian; the second by hand, in its older manner of breaking the line after a long name.
    const GNU: &str = "Filesystem     1K-blocks     Used Available Use% Mounted on\n/dev/vda       264212084 12881232  82404656  14% /\n";
    const WRAPPED: &str = "Filesystem           1K-blocks      Used Available Use% Mounted on
/dev/mapper/very-long-name-of-a-volume
                      264212084  12881232  82404656  14% /
";

    #[test]
    fn samples() {
        let u = parse_uname("Darwin arm64\n").unwrap();
        assert_eq!((u.kernel.as_str(), u.machine.as_str()), ("Darwin", "arm64"));
        let v = parse_sw_vers(SW_VERS).unwrap();
        assert_eq!((v.product.as_str(), v.version.as_str(), v.build.as_str()), ("macOS", "26.6.2", "25G83"));
        assert_eq!(parse_df(MACOS), Some(Df { total_kib: 482_797_652, free_kib: 210_123_456 }));
        let gnu = Some(Df { total_kib: 264_212_084, free_kib: 82_404_656 });
        assert_eq!((parse_df(GNU), parse_df(WRAPPED)), (gnu, gnu));
        // The values of an Apple silicon Mac; the form is that of every BSD.
        let known = parse_sysctl(
            "hw.memsize: 38654705664\nmachdep.cpu.brand_string: Apple M3 Pro\nkern.hv_support: 1\n",
        );
        assert_eq!(
            (known["kern.hv_support"].as_str(), known["machdep.cpu.brand_string"].as_str()),
            ("1", "Apple M3 Pro")
        );
    }

    #[test]
    fn what_is_none_of_these() {
        assert_eq!(parse_uname("sh: uname: not found"), None);
        assert_eq!(parse_sw_vers("sw_vers: command not found"), None);
        assert_eq!(parse_df("df: /nix: No such file or directory"), None);
        assert_eq!(parse_df("Filesystem 1K-blocks\n9%"), None);
        assert!(parse_sysctl("Apple M1\nsysctl: unknown oid 'sysctl.proc_translated'\n").is_empty());
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..200) {
            parse_uname(&text);
            parse_sysctl(&text);
            for sample in [SW_VERS, MACOS, GNU, WRAPPED] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at + 1)).collect();
                parse_sw_vers(&mutated);
                parse_df(&mutated);
            }
        }
    }
}
