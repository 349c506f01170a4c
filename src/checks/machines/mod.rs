//! The machines file: which machines there are, and what they offer.

use crate::check::Check;

pub mod builder_conflict;
pub mod builders_bad_machine_spec;
pub mod machines_duplicate_builders;
pub mod machines_edited_by_hand;
pub mod machines_feature_missing;
pub mod machines_file_missing;
pub mod machines_odd_fields;
pub mod machines_optional_system_not_offered;
pub mod machines_port_needs_2_31;
pub mod machines_system_not_offered;

/// In order.
pub const CHECKS: &[&Check] = &[
    &machines_file_missing::CHECK,
    &machines_edited_by_hand::CHECK,
    &builders_bad_machine_spec::CHECK,
    &machines_odd_fields::CHECK,
    &machines_system_not_offered::CHECK,
    &machines_optional_system_not_offered::CHECK,
    &machines_feature_missing::CHECK,
    &builder_conflict::CHECK,
    &machines_duplicate_builders::CHECK,
    &machines_port_needs_2_31::CHECK,
];

use crate::evidence::Evidence;
use crate::parse::machines::Machine;

/// Whether a machine takes builds for a system. One that states none takes those of the Mac itself.
fn takes(e: &Evidence, machine: &Machine, system: &str) -> bool {
    machine
        .offers(system)
        .unwrap_or_else(|| e.settings().is_ok_and(|it| it.system.as_deref() == Some(system)))
}

/// The file to edit for a place: where the setting itself holds the machines, the file that sets it.
fn file_of(e: &Evidence, place: &crate::parse::text::Place) -> String {
    if place.path.starts_with('/') {
        return place.path.clone();
    }
    let origin = e.acting_origin("builders").place();
    origin.map_or_else(|| crate::evidence::conf_files::SYSTEM.to_owned(), |it| it.path)
}

/// `"a" "b"`: the members of a list in Nix.
fn quoted_list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ")
}

/// Where ssh goes for a machine: host and port, with one name for this Mac. None where it cannot be told, or it is
/// reached through another.
fn endpoint(e: &Evidence, machine: &Machine) -> Option<(String, u16)> {
    let view = e.ssh_of(&machine.host).ok()?.view.as_ref()?;
    if view.proxy_command || view.proxy_jump {
        return None;
    }
    let here = crate::evidence::flavour::is_loopback(&view.hostname);
    let host = if here { "localhost".to_owned() } else { view.hostname.to_ascii_lowercase() };
    Some((host, machine.port.unwrap_or(view.port)))
}

/// For examples: ssh knows this host.
fn add_view(e: &mut Evidence, host: &str, hostname: &str, port: u16) {
    if let crate::evidence::Probe::Seen { fact, .. } = &mut e.ssh
        && let Some(mut other) = fact.first().cloned()
    {
        other.host = host.to_owned();
        if let Some(view) = &mut other.view {
            view.hostname = hostname.to_owned();
            view.port = port;
        }
        fact.push(other);
    }
}
