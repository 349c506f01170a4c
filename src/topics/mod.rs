//! What no machine can be judged on and yet needs explaining: false alarms, limits of Nix, advice.
//!
//! One file a topic. To add one, write its file, and name it twice here: as a module, and in `ALL`. An id
//! is never a check's as well, and never used again for another thing.

use crate::check::{Advice, Check};
use crate::checks;

mod bootstrap_chicken_and_egg;
mod build_fails_in_guest;
mod create_builder_not_available;
mod disabling_the_builder_deletes_state;
mod machine_disabled_after_first_error;
mod machines_protocol_choice;
mod no_machine_takes_a_build;
mod other_builder_in_use;
mod preferlocal_ifd_surprises;
mod probe_was_substituted;
mod rebuild_check_forces_local;

/// Something to know about the builder that is no fault of a machine.
pub struct Topic {
    /// Its name.
    pub id: &'static str,
    /// What is so: a sentence without its dot.
    pub title: &'static str,
    /// Why, and what follows from it, in a few sentences.
    pub why: &'static str,
    /// What to do about it, whoever manages Nix.
    pub advice: Advice,
    /// Public reports and sources on which it rests, as `owner/repo#number` or a URL.
    pub references: &'static [&'static str],
    /// Checks that are about the same.
    pub see: &'static [&'static Check],
}

/// Another name, of what is now one or several checks.
pub struct Alias {
    /// The name that has gone.
    pub id: &'static str,
    /// What it is now.
    pub means: &'static [&'static str],
}

/// Every topic, by name.
pub static ALL: &[&Topic] = &[
    &bootstrap_chicken_and_egg::TOPIC,
    &build_fails_in_guest::TOPIC,
    &create_builder_not_available::TOPIC,
    &disabling_the_builder_deletes_state::TOPIC,
    &machine_disabled_after_first_error::TOPIC,
    &machines_protocol_choice::TOPIC,
    &no_machine_takes_a_build::TOPIC,
    &other_builder_in_use::TOPIC,
    &preferlocal_ifd_surprises::TOPIC,
    &probe_was_substituted::TOPIC,
    &rebuild_check_forces_local::TOPIC,
];

/// Names under which public notes have known what are checks here.
pub static ALIASES: &[Alias] = &[
    Alias { id: "machines-kvm-advertised-but-absent", means: &["kvm-missing-in-guest"] },
    Alias { id: "nix-too-old-or-mixed", means: &["nix-too-old", "nix-daemon-too-old", "nix-mixed-versions"] },
];

/// What an id stands for.
#[derive(Clone, Copy)]
pub enum Subject {
    /// A check.
    Check(&'static Check),
    /// A topic.
    Topic(&'static Topic),
    /// Another name.
    Alias(&'static Alias),
}

impl Subject {
    /// What this id stands for.
    pub fn find(id: &str) -> Option<Subject> {
        let topic = || ALL.iter().find(|topic| topic.id == id).map(|topic| Subject::Topic(topic));
        let alias = || ALIASES.iter().find(|alias| alias.id == id).map(Subject::Alias);
        checks::find(id).map(Subject::Check).or_else(topic).or_else(alias)
    }

    /// Its name.
    pub fn id(self) -> &'static str {
        match self {
            Subject::Check(check) => check.id,
            Subject::Topic(topic) => topic.id,
            Subject::Alias(alias) => alias.id,
        }
    }
}

/// Every id that can be explained.
pub fn ids() -> impl Iterator<Item = &'static str> {
    let checks = checks::every().into_iter().map(|check| check.id);
    checks.chain(ALL.iter().map(|topic| topic.id)).chain(ALIASES.iter().map(|alias| alias.id))
}

/// What every file of a topic needs.
mod prelude {
    pub use super::Topic;
    pub use crate::check::Advice;
    pub use crate::checks::{build, config, guest, machines, service, ssh};
}

#[cfg(test)]
mod tests;
