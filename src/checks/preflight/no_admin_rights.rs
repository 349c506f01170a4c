//! The user is no administrator, so that macOS's sudo refuses.

use crate::checks::prelude::*;

/// See the module.
pub static CHECK: Check = Check {
    id: "no-admin-rights",
    title: "The user may become root",
    layer: Layer::Host,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "A set-up writes to /etc and tells launchd, as root. On macOS users of the group admin may do that, and nobody else.",
    remedy: Remedy::same(Advice::manual(
        &["id -Gn"],
        "Log in as an administrator of this Mac, or have one make you one: System Settings, Users & Groups.",
    )),
    fixes: &[],
    references: &["https://support.apple.com/guide/mac-help/change-users-groups-settings-mtusr001/mac"],
    judge,
    examples: &[
        Example {
            name: "a standard user",
            given: |e| healthy::set_setup(e, |it| it.admin = Some(false)),
            expect: Expect::Fail,
        },
        Example { name: "an administrator", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "id gave no answer",
            given: |e| healthy::set_setup(e, |it| it.admin = None),
            expect: Expect::Unknown,
        },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    match e.setup()?.admin.ok_or_else(|| Missing::new("`id -Gn` gave no answer"))? {
        true => pass("a user of the group admin"),
        false => fail("this user is not of the group admin", "an administrator of this Mac").verdict(),
    }
}
