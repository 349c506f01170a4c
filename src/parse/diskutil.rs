//! `diskutil info VOLUME`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What diskutil says of one volume.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Volume {
    /// Such as `Nix Store`.
    #[schemars(extend("x-kind" = "text"))]
    pub name: String,
    /// Whether it is mounted at all.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mounted: Option<bool>,
    /// Where it is mounted.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub mount_point: Option<String>,
    /// Whether FileVault keeps it locked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub locked: Option<bool>,
}

/// `diskutil info`'s answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Info {
    /// A volume.
    Volume(Volume),
    /// There is no such one.
    NoSuch,
    /// Neither can be read out of it.
    Unclear,
}

/// Both streams of `diskutil info VOLUME`, joined.
pub fn parse_info(text: &str) -> Info {
    let text = super::text::clean(text);
    if text.contains("Could not find disk") {
        return Info::NoSuch;
    }
    let field = |name: &str| {
        let lines = text.lines().take(200).filter_map(|line| line.split_once(':'));
        lines.filter(|(key, _)| key.trim() == name).map(|(_, value)| value.trim()).next()
    };
    let answer = |name: &str| match field(name)? {
        "Yes" => Some(true),
        "No" => Some(false),
        _ => None,
    };
    let Some(name) = field("Volume Name") else { return Info::Unclear };
    Info::Volume(Volume {
        name: crate::prose::line(name),
        mounted: answer("Mounted"),
        mount_point: field("Mount Point").filter(|path| path.starts_with('/')).map(crate::prose::line),
        locked: answer("Locked"),
    })
}

/// The volume's UUID in /etc/fstab's line for /nix.
pub fn uuid_in_fstab(text: &str) -> Option<String> {
    let line = text.lines().take(1000).find(|line| {
        let mut words = line.split('#').next().unwrap_or_default().split_whitespace();
        words.nth(1) == Some("/nix")
    })?;
    let uuid = line.trim_start().strip_prefix("UUID=")?.split_whitespace().next()?;
    let plain = uuid.len() == 36 && uuid.chars().all(|c| c.is_ascii_hexdigit() || c == '-');
    plain.then(|| uuid.to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// The first lines of NixOS/nix#6839, with the fields of a locked volume made after them, not captured.
    const UNMOUNTED: &str = "   Device Identifier:         disk3s7
   Device Node:               /dev/disk3s7
   Whole:                     No
   Part of Whole:             disk3

   Volume Name:               Nix Store
   Mounted:                   No

   FileVault:                 Yes
   Locked:                    Yes
";
    /// The layout is that of a mounted one; DeterminateSystems/nix-installer#1211 says where.
    const ELSEWHERE: &str = "   Volume Name:               Nix Store
   Mounted:                   Yes
   Mount Point:               /Volumes/Nix Store
   FileVault:                 No
";
    /// NixOS/nix#6839.
    const FSTAB: &str = "#
# Warning - this file should only be modified with vifs(8)
#
# Failure to do so is unsupported and may be destructive.
#
UUID=D6FA2E1D-00EC-4C24-236B-44D26FC3E8A2 /nix apfs rw,noauto,nobrowse,suid,owners
";

    #[test]
    fn samples() {
        let Info::Volume(volume) = parse_info(UNMOUNTED) else { panic!() };
        assert_eq!((volume.mounted, volume.locked, volume.mount_point), (Some(false), Some(true), None));
        let Info::Volume(volume) = parse_info(ELSEWHERE) else { panic!() };
        assert_eq!(volume.mount_point.as_deref(), Some("/Volumes/Nix Store"));
        // NixOS/nix#5938.
        assert_eq!(parse_info("Could not find disk: /nix\n"), Info::NoSuch);
        assert_eq!(parse_info("diskutil: command not found"), Info::Unclear);
        assert_eq!(uuid_in_fstab(FSTAB).as_deref(), Some("D6FA2E1D-00EC-4C24-236B-44D26FC3E8A2"));
        assert_eq!(uuid_in_fstab("LABEL=Nix\\040Store /nix apfs rw\n# UUID=x /nix\n"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..300) {
            for sample in [UNMOUNTED, FSTAB, &text] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at)).collect();
                parse_info(&mutated);
                uuid_in_fstab(&mutated);
            }
        }
    }
}
