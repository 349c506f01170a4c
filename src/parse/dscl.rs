//! `dscl . -list /Users UniqueID` and `dscl . -read /Groups/NAME KEY…`.

use std::collections::BTreeMap;

/// More records than this are not read.
const MOST: usize = 20_000;

/// The number of each local user.
pub fn parse_users(text: &str) -> BTreeMap<String, i64> {
    let row = |line: &str| {
        let (name, number) = line.trim().rsplit_once(char::is_whitespace)?;
        Some((crate::prose::line(name), number.parse().ok()?))
    };
    text.lines().take(MOST).filter_map(row).collect()
}

/// A group's number and the names of its members.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Group {
    /// `PrimaryGroupID`.
    pub gid: Option<i64>,
    /// `GroupMembership`, on its line or, one a line, below it.
    pub members: Vec<String>,
}

/// `dscl . -read /Groups/NAME PrimaryGroupID GroupMembership`; None where it names neither.
pub fn parse_group(text: &str) -> Option<Group> {
    let mut group = Group::default();
    let mut known = false;
    let mut in_members = false;
    for line in text.lines().take(MOST) {
        let below = line.starts_with(' ');
        if let Some(rest) = line.strip_prefix("PrimaryGroupID:") {
            group.gid = rest.trim().parse().ok();
            known |= group.gid.is_some();
        }
        if line == "No such key: GroupMembership" {
            known = true;
        }
        in_members = if below { in_members } else { line.starts_with("GroupMembership:") };
        if in_members {
            known = true;
            let names = line.strip_prefix("GroupMembership:").unwrap_or(line);
            group.members.extend(names.split_whitespace().take(MOST).map(crate::prose::line));
        }
    }
    known.then_some(group)
}

/// What dscl says of a record that is not there.
pub fn is_no_record(text: &str) -> bool {
    text.contains("eDSRecordNotFound")
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// NixOS/nix#11364, its first and last rows; the users of macOS between them as NixOS/nix#5928 lays them out.
    const USERS: &str = "_nixbld5                 305
_nixbld6                 306
_nixbld32                332
nobody                         -2
_modelmanagerd                 301
";

    #[test]
    fn samples() {
        let users = parse_users(USERS);
        assert_eq!((users["_nixbld5"], users["nobody"], users.len()), (305, -2, 5));
        // Made after the manual page, not captured: one line, and the form for names with spaces.
        let group = parse_group("GroupMembership: _nixbld1 _nixbld2\nPrimaryGroupID: 30000\n").unwrap();
        assert_eq!((group.gid, group.members.len()), (Some(30_000), 2));
        let group = parse_group("GroupMembership:\n _nixbld1\n _nixbld2\nPrimaryGroupID: 350\n").unwrap();
        assert_eq!((group.gid, group.members.len()), (Some(350), 2));
        let group = parse_group("PrimaryGroupID: 350\nNo such key: GroupMembership\n").unwrap();
        assert_eq!(group.members, [""; 0]);
        // NixOS/nix#11364.
        let gone = "<dscl_cmd> DS Error: -14136 (eDSRecordNotFound)\n";
        assert!(is_no_record(gone));
        assert_eq!(parse_group(gone), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..160) {
            for sample in [USERS, "GroupMembership:\n _nixbld1\nPrimaryGroupID: 350\n"] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at)).collect();
                parse_users(&mutated);
                parse_group(&mutated);
            }
        }
    }
}
