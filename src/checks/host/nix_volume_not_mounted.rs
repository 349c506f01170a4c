//! The volume that holds Nix is there, and not mounted at /nix.

use super::synthetic_conf_lost;
use crate::checks::prelude::*;
use crate::evidence::nix::Nix;
use crate::evidence::nix_volume::{JOBS, NixVolume};
use crate::fix::fixes::nix_volume;
use crate::parse::diskutil::Volume;

/// See the module.
pub static CHECK: Check = Check {
    id: "nix-volume-not-mounted",
    title: "The volume that holds Nix is mounted at /nix",
    layer: Layer::Host,
    severity: Severity::Error,
    needs: &[&synthetic_conf_lost::CHECK],
    disproved_by: Proof::ABuild,
    why: "Nix lives on an APFS volume of its own, which a launchd job mounts when the Mac starts. Where that job is off, \
          the volume's password is no longer in the keychain, or its line in /etc/fstab is lost, /nix stays empty: no \
          nix command is found, and every job waits for /nix/store. Nothing is lost, and nothing needs installing again.",
    remedy: Remedy::same(Advice::safe(
        &["sudo launchctl kickstart -k system/{store-label}", "ls /nix/store"],
        "If /nix/store is still empty, mount the volume by hand, and a locked one with the second line, which asks for \
         its password:\n\n    sudo diskutil mount -mountPoint /nix \"{volume}\"\n    \
         sudo diskutil apfs unlockVolume \"{volume}\" -mountpoint /nix\n\nThe daemon and the VM wait for it, and go on by \
         themselves.",
    )),
    fixes: &[&nix_volume::MOUNT],
    references: &[
        "NixOS/nix#6839",
        "NixOS/nix#5938",
        "NixOS/nix#16447",
        "DeterminateSystems/nix-installer#1211",
    ],
    judge,
    examples: &[
        Example {
            name: "not mounted after a restart",
            given: |e| set(e, Some(volume(Some(false), None, Some(false)))),
            expect: Expect::Fail,
        },
        Example {
            name: "locked by FileVault",
            given: |e| set(e, Some(volume(Some(false), None, Some(true)))),
            expect: Expect::Fail,
        },
        Example {
            name: "mounted in another place",
            given: |e| set(e, Some(volume(Some(true), Some("/Volumes/Nix Store"), Some(false)))),
            expect: Expect::Fail,
        },
        Example { name: "there is a Nix", given: |_| {}, expect: Expect::Pass },
        Example { name: "there never was a volume", given: |e| set(e, None), expect: Expect::Moot },
        Example {
            name: "diskutil hangs",
            given: |e| {
                set(e, None);
                e.nix_volume = Probe::blind("`diskutil info`: no answer in 15s");
            },
            expect: Expect::Unknown,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if let Some(path) = &e.nix()?.path {
        return pass(path);
    }
    let found = e.nix_volume()?;
    if found.store_filled {
        return pass("/nix/store holds something");
    }
    let Some(volume) = &found.volume else {
        return moot("there is no volume for Nix: it is not installed, or its volume was deleted");
    };
    let seen = match (volume.mounted, &volume.mount_point) {
        (Some(false), _) if volume.locked == Some(true) => {
            format!("the volume {:?} is there, and locked, so it is not mounted at /nix", volume.name)
        }
        (Some(false), _) => format!("the volume {:?} is there, and not mounted", volume.name),
        (_, Some(place)) if place != "/nix" => {
            format!("the volume {:?} is mounted at {place}, and not at /nix", volume.name)
        }
        (Some(true), _) => return pass(format!("{:?} is mounted", volume.name)),
        (None, _) => return Err(Missing::new("diskutil does not say whether the volume is mounted")),
    };
    let [upstream, determinate] = JOBS;
    let usual = match e.managers() {
        Ok(managers) if managers.determinate.is_some() => determinate,
        _ => upstream,
    };
    fail(seen, "the volume mounted at /nix")
        .word("store-label", found.job.as_deref().unwrap_or(usual))
        .word("volume", &volume.name)
        .verdict()
}

fn volume(mounted: Option<bool>, mount_point: Option<&str>, locked: Option<bool>) -> Volume {
    Volume { name: "Nix Store".to_owned(), mounted, mount_point: mount_point.map(str::to_owned), locked }
}

fn set(e: &mut Evidence, volume: Option<Volume>) {
    e.nix = Probe::seen(Nix::default(), "PATH");
    healthy::hide_builds(e);
    let job = volume.is_some().then(|| "org.nixos.darwin-store".to_owned());
    e.nix_volume = Probe::seen(NixVolume { store_filled: false, volume, job }, "diskutil info");
}
