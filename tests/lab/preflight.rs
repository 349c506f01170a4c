//! `preflight` on a Mac with Nix and nothing else, and with one thing after the other in the way of a set-up.

use crate::control::{Story, told_in};
use crate::setup::BARE;
use libtest_mimic::Trial;

const STORIES: &[Story] = &[
    Story {
        name: "preflight: a Mac with Nix and nothing else, one that is set up, and what is no fault",
        world: "setup-bare",
        script: r#"
            remember
            row preflight; row preflight --strict --format short; row preflight --offline --json
            fact 'nobody knocked' test "$(connections)" = 0
            echo mine >$HOST/etc/zshrc.before-nix-darwin; row preflight -v; rm $HOST/etc/zshrc.before-nix-darwin
            fact 'as it was' as_was
            row setup --flake path:/Library/darwin#mac-bootstrap --yes
            n=$(connections); row preflight; fact 'nobody knocked' test "$(connections)" = $n
        "#,
        rows: &[
            (
                "preflight",
                0,
                &[
                    "This Mac can run the Linux builder.",
                    "etc-files-in-the-way",
                    "set-up moves /etc/bashrc,",
                    "installed by upstream's installer",
                    "Next: `builder-doctor setup` sets the builder up.",
                ],
            ),
            ("preflight --strict --format short", 0, &["healthy"]),
            ("preflight --offline --json", 0, &["\"purpose\": \"preflight\"", "\"verdict\": \"healthy\""]),
            ("nobody knocked", 0, &[]),
            ("preflight -v", 0, &["an older backup is there of /etc/zshrc", "36 GB of memory"]),
            ("as it was", 0, &[]),
            ("setup --flake path:/Library/darwin#mac-bootstrap --yes", 0, &["Set up and verified"]),
            ("preflight", 0, &["already-set-up", "installed by nix-darwin", "says how the builder is"]),
            ("nobody knocked", 0, &[]),
        ],
    },
    Story {
        name: "preflight: each fault",
        world: "setup-bare",
        script: r#"
            with() { echo "$1" >$LAB/sysctl; row preflight --offline; rm $LAB/sysctl; }
            with 'kern.hv_support: 0'; with 'kern.hv_vmm_present: 1'; with 'hw.memsize: 8589934592'
            echo 13.7.8 >$LAB/sw_vers; row preflight --offline; rm $LAB/sw_vers
            sed -i 's/^admin:/others:/' $HOST/etc/group; row preflight --offline
            row setup --flake path:/Library/darwin#mac --yes; sed -i 's/^others:/admin:/' $HOST/etc/group
            serve 31022 http; row preflight --offline; pkill -f listener.py
            ln -s /Users/alice/zshenv $HOST/etc/zshenv; row preflight --offline; rm $HOST/etc/zshenv
            mkdir -p $HOST/usr/local/bin; touch $HOST/usr/local/bin/determinate-nixd; row preflight --offline
            rm $HOST/usr/local/bin/determinate-nixd
            cp $HOST/etc/hosts $at/hosts; sed -i "s/^127.0.0.1.*$CACHE.*//" $HOST/etc/hosts; row preflight
            cp $at/hosts $HOST/etc/hosts; echo 'experimental-features = nix-command flakes' >>$LAB/nix.conf
            sed -i 's|value.hello =|value.darwin.linux-builder = derivation { name = "create-builder"; inherit system; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; };\n      &|' $HOST/Library/nixpkgs/flake.nix
            row preflight; as_alice nix --extra-experimental-features 'nix-command flakes' build --no-link nixpkgs#darwin.linux-builder; row preflight -v
            mv $HOST/nix/var/nix/profiles/default $HOST/nix/var/nix/profiles/away; row preflight; row setup
        "#,
        rows: &[
            ("preflight --offline", 1, &["host-cannot-virtualise", "cannot run the Linux builder yet"]),
            ("preflight --offline", 0, &["mac-is-a-vm", "can run the Linux builder, but"]),
            ("preflight --offline", 0, &["memory-low", "8 GB of memory"]),
            ("preflight --offline", 1, &["macos-too-old", "macOS 13.7.8"]),
            ("preflight --offline", 1, &["no-admin-rights"]),
            ("setup --flake path:/Library/darwin#mac --yes", 1, &["no-admin-rights", "Nothing was changed."]),
            ("preflight --offline", 1, &["port-taken", "sudo lsof -nP -iTCP:31022"]),
            ("preflight --offline", 1, &["etc-file-is-foreign", "/etc/zshenv is a link to ~/zshenv"]),
            ("preflight --offline", 1, &["determinate-manages-nix", "installed by Determinate"]),
            ("preflight", 0, &["cache-unreachable"]),
            (
                "preflight",
                0,
                &["vm-image-not-cached", "1 derivation would be built for it, such as create-builder"],
            ),
            ("preflight -v", 0, &["nothing of it would be built"]),
            ("preflight", 1, &["nix-not-installed"]),
            ("setup", 1, &["nix-not-installed", "Nothing was changed."]),
        ],
    },
];

/// Every trial.
pub fn trials() -> Vec<Trial> {
    told_in(&[&BARE], STORIES)
}
