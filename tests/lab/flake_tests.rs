//! `tests`: a flake's NixOS tests, listed, run and really run again, on the real builder.

use crate::control::{Story, told_in};
use crate::world::World;
use libtest_mimic::Trial;

const STORIES: &[Story] = &[Story {
    name: "tests: listed, run, known to have passed, and run again",
    world: "healthy",
    script: r#"
        mkdir -p $HOST/Users/alice/flake
        cat >$HOST/Users/alice/flake/flake.nix <<'NIX'
{
  outputs = _: {
    checks.aarch64-linux =
      let
        test = name: script: derivation {
          inherit name;
          system = "aarch64-linux";
          builder = "/bin/sh";
          args = [ "-c" script ];
          requiredSystemFeatures = [ "nixos-test" ];
        };
      in
      {
        good = test "vm-test-run-good" "echo it runs here; echo ok > $out";
        bad = test "vm-test-run-bad" "echo it breaks; exit 1";
        fmt = derivation { name = "fmt"; system = "aarch64-linux"; builder = "/bin/sh"; args = [ "-c" "echo > $out" ]; };
      };
  };
}
NIX
        chown -R 501:20 $HOST/Users/alice/flake
        runs() { grep -c 'it runs here' $at/err || :; }
        here=path:/Users/alice/flake
        row tests $here --system aarch64-linux; row tests $here
        row tests $here good --system aarch64-linux; fact 'it ran once' test "$(runs)" = 1
        row tests $here good --system aarch64-linux; fact 'it did not run' test "$(runs)" = 0
        row tests $here good --system aarch64-linux --rerun; fact 'it ran again' test "$(runs)" = 1
        row tests $here good --system aarch64-linux --rerun; fact 'and again' test "$(runs)" = 1
        row tests $here good bad --system aarch64-linux
        row tests $here goood --system aarch64-linux
    "#,
    rows: &[
        ("tests path:/Users/alice/flake --system aarch64-linux", 0, &["bad", "good"]),
        ("tests path:/Users/alice/flake", 0, &["no NixOS test for aarch64-darwin", "--system aarch64-linux"]),
        (
            "tests path:/Users/alice/flake good --system aarch64-linux",
            0,
            &["ssh-ng://builder@linux-builder", "passed"],
        ),
        ("it ran once", 0, &[]),
        ("tests path:/Users/alice/flake good --system aarch64-linux", 0, &["passed before; nothing ran"]),
        ("it did not run", 0, &[]),
        ("tests path:/Users/alice/flake good --system aarch64-linux --rerun", 0, &["passed"]),
        ("it ran again", 0, &[]),
        ("tests path:/Users/alice/flake good --system aarch64-linux --rerun", 0, &["passed"]),
        ("and again", 0, &[]),
        (
            "tests path:/Users/alice/flake good bad --system aarch64-linux",
            1,
            &["it breaks", "failed", "nix log /nix/store/"],
        ),
        ("tests path:/Users/alice/flake goood --system aarch64-linux", 2, &["did you mean good?"]),
    ],
}];

/// Every trial.
pub fn trials(worlds: &[&'static World]) -> Vec<Trial> {
    told_in(worlds, STORIES)
}
