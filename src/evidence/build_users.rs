//! `dscl`: the users as whom the daemon builds on this Mac itself. Remote builds need none of them.

use super::{Look, Probe};
use crate::host::{Command, Output};
use crate::parse::dscl::{is_no_record, parse_group, parse_users};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The group of build users, and what is wrong with its members.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BuildUsers {
    /// The group's name.
    #[schemars(extend("x-kind" = "public"))]
    pub group: String,
    /// Its number; None where there is no such group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gid: Option<i64>,
    /// How many members it names.
    pub members: usize,
    /// Members that are no users.
    #[schemars(extend("x-kind" = "user-name"))]
    pub missing: Vec<String>,
    /// Members whose number another user has as well.
    pub shared: Vec<Shared>,
}

/// Two users of one number.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Shared {
    /// The build user.
    #[schemars(extend("x-kind" = "user-name"))]
    pub user: String,
    /// The other.
    #[schemars(extend("x-kind" = "text"))]
    pub with: String,
}

pub(super) fn probe(look: &Look) -> Probe<BuildUsers> {
    if let Some(not_taken) = super::only_on_a_mac(look) {
        return not_taken;
    }
    if look.wanted.no_builds.is_some() {
        return Probe::not_taken("a quick look does not ask for the build users");
    }
    // The settings first: the way to the builder's port waits for them, and for this nobody does.
    look.nix_config();
    let group = group_name(look);
    if group.is_empty() {
        return Probe::not_taken("build-users-group is empty, so the daemon builds as root");
    }
    let path = format!("/Groups/{group}");
    let record = match dscl(look, &["-read", &path, "PrimaryGroupID", "GroupMembership"]) {
        Ok(output) => output,
        Err(because) => return Probe::blind(because),
    };
    let users = match dscl(look, &["-list", "/Users", "UniqueID"]) {
        Ok(output) => output,
        Err(because) => return Probe::blind(because),
    };
    let from = "dscl . -read, dscl . -list";
    if is_no_record(&record.stderr) || is_no_record(&record.stdout) {
        return Probe::seen(BuildUsers { group, ..BuildUsers::default() }, from);
    }
    let users = parse_users(&users.stdout);
    let (Some(record), true) = (parse_group(&record.stdout), users.contains_key("root")) else {
        return Probe::blind("what `dscl` prints cannot be understood");
    };
    let mut found =
        BuildUsers { group, gid: record.gid, members: record.members.len(), ..BuildUsers::default() };
    for member in record.members {
        match users.get(&member) {
            None => found.missing.push(member),
            Some(number) => {
                let other = users.iter().find(|(name, its)| *its == number && **name != member);
                found.shared.extend(other.map(|(name, _)| Shared { user: member, with: name.clone() }));
            }
        }
    }
    Probe::seen(found, from)
}

fn dscl(look: &Look, args: &[&str]) -> Result<Output, String> {
    let command = Command::new("dscl").args(["."]).args(args.iter().copied());
    match look.host.run(&command) {
        Ok(output) if output.stopped.is_none() => Ok(output),
        Ok(output) => Err(format!("`{command}`: {}", output.ending())),
        Err(error) => Err(format!("`dscl`: {error}")),
    }
}

/// As nix.conf has it, which is all that the daemon asks.
fn group_name(look: &Look) -> String {
    let text = look.host.read(Path::new(super::conf_files::SYSTEM)).unwrap_or_default();
    let text = String::from_utf8_lossy(&text);
    let set = text.lines().rev().find_map(|line| {
        let (name, value) = line.split('#').next()?.split_once('=')?;
        (name.trim() == "build-users-group").then(|| value.trim().to_owned())
    });
    let plain = |name: &String| name.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c));
    set.filter(plain).unwrap_or_else(|| "nixbld".to_owned())
}
