//! The Mac itself.

use crate::world::{Expect, Run, World};

pub const WORLDS: &[World] = &[
    World {
        name: "host-disk-low",
        doc: "The disk that holds /nix has 200 MB left, by what df prints; nothing else knows it.",
        before: r#"
            cat >$HOST/usr/local/bin/df <<'END'
#!/bin/sh
echo 'Filesystem 1024-blocks      Used Available Capacity iused      ifree %iused  Mounted on'
echo '/dev/disk3s7  971350180 971145380    204800   100% 2135893    2048000   51%   /nix'
END
            chmod 755 $HOST/usr/local/bin/df
        "#,
        run: &[Run::alice(Expect::Warning(&["host-disk-low"]))],
        ..World::HEALTHY
    },
    World {
        name: "localhost-does-not-resolve",
        doc: "/etc/hosts lost its lines for localhost, and no resolver knows the name.",
        before: "sed -i '/localhost/d' $HOST/etc/hosts",
        run: &[
            Run::alice(Expect::Roots(&["localhost-does-not-resolve"])),
            Run::alice_sudo(Expect::Roots(&["localhost-does-not-resolve"])),
        ],
        ..World::HEALTHY
    },
];
