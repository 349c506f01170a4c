//! Worlds made of other worlds: the same fault seen with `--sudo`, under an older Nix, and two faults at once.

use crate::world::{Expect, Nix, Run, Who, World, find};

/// Faults whose words differ between the Nixes, or that rest on what a build says.
const UNDER_AN_OLDER_NIX: &[&str] = &[
    "builders-empty",
    "machines-file-missing",
    "machines-feature-missing",
    "machines-system-not-offered",
    "machines-odd-fields-mandatory",
    "machines-system-offered-but-not-executable",
    "builders-bad-machine-spec",
    "builder-service-not-loaded",
    "ssh-key-too-open",
    "vm-disk-full",
    "test-build-failed",
    "daemon-not-running",
    "nix-config-unreadable",
];

/// Faults in files that somebody manages: nix-darwin in their own worlds, Determinate in these.
const UNDER_DETERMINATE: &[&str] = &[
    "builders-empty",
    "machines-file-missing",
    "machines-feature-missing",
    "machines-system-not-offered",
    "machines-odd-fields-mandatory",
    "builders-bad-machine-spec",
    "substituter-missing",
    "trusted-key-missing",
    "ssh-alias-missing",
    "ssh-root-known-hosts-missing",
    "experimental-features-missing",
    "builder-service-not-loaded",
];

/// Two faults on different branches: both are causes, in this order.
pub struct Pair(pub &'static str, pub &'static str, pub &'static [&'static str]);

/// What is made of these worlds.
pub fn derive(worlds: &[&'static World], pairs: &[Pair]) -> Vec<&'static World> {
    for name in UNDER_AN_OLDER_NIX.iter().chain(UNDER_DETERMINATE) {
        assert!(worlds.iter().any(|world| world.name == *name), "there is no world {name}");
    }
    let with_root = worlds.iter().filter_map(|world| with_root(world));
    let older = worlds.iter().filter(|world| UNDER_AN_OLDER_NIX.contains(&world.name));
    let older = older.map(|world| under_an_older_nix(world));
    let determinate = worlds.iter().filter(|world| UNDER_DETERMINATE.contains(&world.name));
    let determinate = determinate.map(|world| under_determinate(world));
    let both = pairs.iter().map(|pair| both(worlds, pair));
    with_root.chain(older).chain(determinate).chain(both).collect()
}

/// Root's look makes an answer more exact, and never another one.
fn with_root(world: &'static World) -> Option<&'static World> {
    let looks = |run: &Run| matches!(run.who, Who::Root) || run.args.contains(&"--sudo");
    let first = world.run.first()?;
    let plain = matches!(first.who, Who::Alice) && first.args == ["--json"];
    let told = matches!(first.expect, Expect::Roots(_) | Expect::Warning(_) | Expect::Healthy);
    if world.run.iter().any(looks) || !plain || !told {
        return None;
    }
    let run = Run { who: Who::Alice, args: &["--json", "--sudo"], expect: first.expect };
    Some(leak(World { name: named(world, "with-root"), run: kept(run), ..*world }))
}

fn under_an_older_nix(world: &'static World) -> &'static World {
    // That it is old is not what these worlds are about.
    let floor = "\n[ -e $HOST/etc/builder-doctor.toml ] || printf '[nix]\\nminimum-version = \"2.26\"\\n' >$HOST/etc/builder-doctor.toml\n";
    let before = String::leak(format!("{}{floor}", world.before));
    let run = &world.run[..1];
    leak(World { name: named(world, "under-2-26"), nix: Nix::Nix226, before, run, ..*world })
}

fn under_determinate(world: &'static World) -> &'static World {
    let before = String::leak(format!("{}\ndeterminate_alone\n", world.before));
    leak(World { name: named(world, "under-determinate"), before, run: &world.run[..1], ..*world })
}

fn both(worlds: &[&'static World], Pair(a, b, expected): &Pair) -> &'static World {
    let (a, b) = (find(worlds, a), find(worlds, b));
    let join = |a: &str, b: &str| -> &'static str { String::leak(format!("{a}\n{b}\n")) };
    leak(World {
        name: String::leak(format!("{}+{}", a.name, b.name)),
        nix: a.nix,
        doc: join(a.doc, b.doc),
        before: join(a.before, b.before),
        after: join(a.after, b.after),
        run: kept(Run { who: Who::Alice, args: a.run[0].args, expect: Expect::Roots(expected) }),
    })
}

fn named(world: &World, how: &str) -> &'static str {
    String::leak(format!("{}-{how}", world.name))
}

fn leak(world: World) -> &'static World {
    Box::leak(Box::new(world))
}

fn kept(run: Run) -> &'static [Run] {
    Box::leak(Box::new([run]))
}
