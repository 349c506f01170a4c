//! Mounts the Nix volume, by the job that does so at each start of the Mac.

use crate::evidence::Evidence;
use crate::fix::ground::{on_a_mac, word};
use crate::fix::step::{Back, Condition, Step, Verb};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module. The job knows how to unlock a volume whose password is in the keychain.
pub static MOUNT: Fix = Fix {
    id: "mount-nix-volume",
    title: "Have launchd mount the Nix volume",
    safety: Safety::Safe,
    plan: |e, _, finding| steps(e, word(finding, "store-label")),
};

fn steps(e: &Evidence, label: Option<&str>) -> Result<Vec<Step>, NoPlan> {
    on_a_mac(e)?;
    e.nix_volume()?;
    let label = label.ok_or_else(|| NoPlan::Unknown("which job mounts the volume".to_owned()))?;
    let back = Back::nothing("a mounted volume does no harm, and is where it belongs");
    let mount = Step::launchctl(Verb::Restart, label, None, "mount the volume at /nix", back);
    let there = Condition::Exists { path: "/nix/store".to_owned() };
    Ok(vec![mount, Step::wait(there, 30, "see that the volume is mounted")])
}
