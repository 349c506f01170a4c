//! The Mac itself.

use crate::world::{Expect, Run, World};

pub const WORLDS: &[World] = &[World {
    name: "localhost-does-not-resolve",
    doc: "/etc/hosts lost its lines for localhost, and no resolver knows the name.",
    before: "sed -i '/localhost/d' $HOST/etc/hosts",
    run: &[
        Run::alice(Expect::Roots(&["localhost-does-not-resolve"])),
        Run::alice_sudo(Expect::Roots(&["localhost-does-not-resolve"])),
    ],
    ..World::HEALTHY
}];
