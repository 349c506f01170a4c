//! The machines file: which machines there are, and what they offer.

use crate::check::Check;

pub mod builders_bad_machine_spec;
pub mod machines_feature_missing;
pub mod machines_file_missing;
pub mod machines_odd_fields;
pub mod machines_optional_system_not_offered;
pub mod machines_port_needs_2_31;
pub mod machines_system_not_offered;

/// In order.
pub const CHECKS: &[&Check] = &[
    &machines_file_missing::CHECK,
    &builders_bad_machine_spec::CHECK,
    &machines_system_not_offered::CHECK,
    &machines_optional_system_not_offered::CHECK,
    &machines_feature_missing::CHECK,
    &machines_odd_fields::CHECK,
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
    let origin = e.conf_files().ok().and_then(|files| crate::evidence::conf_files::origin(files, "builders"));
    origin.map_or_else(|| crate::evidence::conf_files::SYSTEM.to_owned(), |it| it.place.path.clone())
}

/// `"a" "b"`: the members of a list in Nix.
fn quoted_list<'a>(words: impl Iterator<Item = &'a str>) -> String {
    words.map(|word| format!("\"{word}\"")).collect::<Vec<_>>().join(" ")
}
