//! `setup` on a Mac with Nix and nothing else: real Nix builds the configurations, and their activation is an
//! imitation of nix-darwin's (tests/lab/darwin). What is done in a world: inside/setting_up.

use crate::control::{Story, told_in};
use crate::world::World;
use libtest_mimic::Trial;

/// Only Nix is there.
pub const BARE: World = World {
    name: "setup-bare",
    doc: "A Mac with upstream's Nix, and no builder.",
    before: ". /lab/inside/setting_up; nothing_set_up",
    ..World::HEALTHY
};

const AS_WAS: (&str, i64, &[&str]) = ("as it was", 0, &[]);
const MAC: &str = "setup --flake path:/Library/darwin#mac --yes";
const STOCK: &str = "setup --flake path:/Library/darwin#mac-bootstrap --yes";

const STORIES: &[Story] = &[
    Story {
        name: "setup: from nothing to a verified build, the stock VM first, and back",
        world: "setup-bare",
        script: "
            remember
            row setup --flake path:/Library/darwin#mac --dry-run; fact 'as it was' as_was
            row setup --flake path:/Library/darwin#mac; fact 'as it was' as_was
            row setup --flake path:/Library/darwin#mac --yes; row --format short; row fix --list
            whole >$at/set-up
            row setup --flake path:/Library/darwin#mac --yes
            whole >$at/again; fact 'nothing changed' cmp $at/set-up $at/again
            row stop; row setup --flake path:/Library/darwin#mac --yes; row start
            row undo; row undo; fact 'as it was' as_was
        ",
        rows: &[
            (
                "setup --flake path:/Library/darwin#mac --dry-run",
                0,
                &["mac-bootstrap", "/etc/bashrc, /etc/nix/nix.conf and /etc/zshrc", "nothing was changed"],
            ),
            AS_WAS,
            ("setup --flake path:/Library/darwin#mac", 2, &["--yes says so beforehand"]),
            AS_WAS,
            (
                MAC,
                0,
                &[
                    "#mac-bootstrap comes first",
                    "Set up and verified: path:/Library/darwin#mac",
                    "builder-doctor undo 2\n    builder-doctor undo 1",
                ],
            ),
            ("--format short", 0, &["healthy"]),
            ("fix --list", 0, &["switches this Mac to path:/Library/darwin#mac-bootstrap", "fixed and verified"]),
            (MAC, 0, &["Set up already", "nothing was changed"]),
            ("nothing changed", 0, &[]),
            ("stop", 0, &[]),
            (MAC, 1, &["builder-stopped-on-purpose"]),
            ("start", 0, &[]),
            ("undo", 0, &["Undone"]),
            ("undo", 0, &["Undone"]),
            AS_WAS,
        ],
    },
    Story {
        name: "setup: an older backup stays as it is, and so does the system before",
        world: "setup-bare",
        script: "
            echo mine >$HOST/etc/zshrc.before-nix-darwin; remember
            row setup --flake path:/Library/darwin#mac-bootstrap --yes
            fact 'the older one' grep -qx mine $HOST/etc/zshrc.before-nix-darwin
            fact 'the newer one' grep -q nix-daemon.sh $HOST/etc/zshrc.before-nix-darwin.2
            mv $at/was $at/bare; remember
            row setup --flake path:/Library/darwin#mac --yes; row undo; fact 'as it was' as_was
            mv $at/bare $at/was
            row undo; fact 'as it was' as_was
        ",
        rows: &[
            (STOCK, 0, &["Set up and verified"]),
            ("the older one", 0, &[]),
            ("the newer one", 0, &[]),
            (MAC, 0, &["Set up and verified"]),
            ("undo", 0, &["Undone"]),
            AS_WAS,
            ("undo", 0, &["Undone"]),
            AS_WAS,
        ],
    },
    Story {
        name: "setup: each stage of the activation fails",
        world: "setup-bare",
        script: "
            echo mine >$HOST/etc/bashrc.before-nix-darwin; remember
            for stage in checks etc launchd nix-daemon; do
              echo \"fail $stage\" >$LAB/activation
              row setup --flake path:/Library/darwin#mac-bootstrap --yes; fact 'as it was' as_was
            done
        ",
        rows: &[
            (STOCK, 4, &["checks failed, as the world wants it", "as it was before"]),
            AS_WAS,
            (STOCK, 4, &["etc failed"]),
            AS_WAS,
            (STOCK, 4, &["launchd failed"]),
            AS_WAS,
            (STOCK, 4, &["nix-daemon failed"]),
            AS_WAS,
        ],
    },
    Story {
        name: "setup: the VM never answers, answers and does not build, or launchd refuses",
        world: "setup-bare",
        script: "
            remember
            mkdir -p $LAB/jobs/$BUILDER; job_program $BUILDER 'sleep 1000' stays
            row setup --flake path:/Library/darwin#mac-bootstrap --yes --timeout 2s; fact 'as it was' as_was
            rm $LAB/jobs/$BUILDER/program*
            mv $GUEST/usr/bin/nix-daemon $GUEST/usr/bin/nix-away
            row setup --flake path:/Library/darwin#mac-bootstrap --yes; fact 'as it was' as_was
            mv $GUEST/usr/bin/nix-away $GUEST/usr/bin/nix-daemon
            echo 1 >$LAB/refuse
            row setup --flake path:/Library/darwin#mac-bootstrap --yes; fact 'as it was' as_was
        ",
        rows: &[
            ("setup --flake path:/Library/darwin#mac-bootstrap --yes --timeout 2s", 4, &["nobody listens there"]),
            AS_WAS,
            (STOCK, 4, &["Rolled back", "ssh-remote-nix-unusable"]),
            AS_WAS,
            (STOCK, 4, &["Rolled back"]),
            AS_WAS,
        ],
    },
    Story {
        name: "setup: the second configuration fails, and the first is taken back, too",
        world: "setup-bare",
        script: "
            remember
            echo 'fail changed-nix-daemon' >$LAB/activation
            row setup --flake path:/Library/darwin#mac --yes; fact 'as it was' as_was
        ",
        rows: &[(MAC, 4, &["#mac-bootstrap works", "changed-nix-daemon failed", "Undone"]), AS_WAS],
    },
    Story {
        name: "setup: what cannot be built, or is none, changes nothing",
        world: "setup-bare",
        script: "
            remember
            row setup --flake path:/Library/darwin#alone --yes; row setup --flake path:/Library/darwin#broken --yes
            row setup --flake path:/Library/darwin#other --yes; row setup --flake path:/Library/darwin --yes
            row setup --flake path:/Library/nowhere --yes; row setup --flake '' --yes
            ln -s /Users/alice/zshenv $HOST/etc/zshenv; remember
            row setup --flake path:/Library/darwin#mac-bootstrap --yes
            rm $HOST/etc/zshenv; remember
            echo 'root ALL=(ALL) ALL' >$HOST/etc/sudoers; remember
            row setup --flake path:/Library/darwin#mac-bootstrap --yes; fact 'as it was' as_was
        ",
        rows: &[
            ("setup --flake path:/Library/darwin#alone --yes", 2, &["darwinConfigurations.alone-bootstrap"]),
            ("setup --flake path:/Library/darwin#broken --yes", 2, &["nothing was changed", "is broken"]),
            ("setup --flake path:/Library/darwin#other --yes", 2, &["it has alone, broken, mac"]),
            ("setup --flake path:/Library/darwin --yes", 2, &["--flake path:/Library/darwin#NAME"]),
            ("setup --flake path:/Library/nowhere --yes", 2, &["nothing was changed"]),
            ("setup --flake  --yes", 2, &["is no flake"]),
            (STOCK, 1, &["etc-file-is-foreign", "Nothing was changed."]),
            (STOCK, 2, &["sudo"]),
            AS_WAS,
        ],
    },
    Story {
        name: "setup: interrupted, hung up on and killed in the middle",
        world: "setup-bare",
        script: "
            echo mine >$HOST/etc/zshrc.before-nix-darwin; remember
            for stage in checks etc launchd nix-daemon; do
              broken_off $stage INT; fact 'as it was' as_was
            done
            broken_off etc HUP; fact 'as it was' as_was
            broken_off launchd TERM; fact 'as it was' as_was
            broken_off etc KILL; row undo; fact 'as it was' as_was
            broken_off nix-daemon KILL; row undo; fact 'as it was' as_was
        ",
        rows: &[
            ("checks INT", 130, &["as it was before"]),
            AS_WAS,
            ("etc INT", 130, &["as it was before"]),
            AS_WAS,
            ("launchd INT", 130, &["as it was before"]),
            AS_WAS,
            ("nix-daemon INT", 130, &["as it was before"]),
            AS_WAS,
            ("etc HUP", 130, &[]),
            AS_WAS,
            ("launchd TERM", 130, &[]),
            AS_WAS,
            ("etc KILL", 137, &[]),
            ("undo", 0, &["Undone"]),
            AS_WAS,
            ("nix-daemon KILL", 137, &[]),
            ("undo", 0, &["Undone"]),
            AS_WAS,
        ],
    },
];

/// Every trial.
pub fn trials() -> Vec<Trial> {
    told_in(&[&BARE], STORIES)
}
