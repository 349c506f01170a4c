//! Worlds that are mended: each fault with an automatic fix ends healthy, and where a step fails, or the run is killed,
//! the machine is as before. What is done in a world: inside/mending.

use crate::harness::{in_world, indented, needs_the_lab};
use crate::world::{World, find, text};
use libtest_mimic::{Completion, Failed, Trial};
use serde_json::Value;

/// A world that `fix` mends by itself.
struct Mended {
    world: &'static str,
    /// What `--allow` says.
    allow: &'static str,
    /// How many times launchd is told something: each of these is refused once.
    tells_launchd: u32,
    /// What undoing leaves, and why that is right: the beginnings of the lines of a picture.
    not_undone: &'static [&'static str],
}

const fn mended(world: &'static str, tells_launchd: u32) -> Mended {
    Mended { world, allow: "disruptive", tells_launchd, not_undone: &[] }
}

/// Where nobody but the user writes the files, and these may be changed.
const fn by_hand(world: &'static str, tells_launchd: u32) -> Mended {
    Mended { world, allow: "disruptive,ask", tells_launchd, not_undone: &[] }
}

/// The VM writes its own keys and disk once it runs.
const OF_THE_VM: &[&str] =
    &["f var/lib/linux-builder", "d var/lib/linux-builder", "f etc/nix/builder_ed25519"];

const MENDED: &[Mended] = &[
    mended("builder-service-disabled", 2),
    mended("builder-service-disabled-old-wording", 0),
    mended("builder-service-not-loaded", 1),
    mended("builder-service-not-loaded-another-label-prefix", 0),
    mended("builder-service-not-loaded-rosetta", 1),
    mended("builder-service-not-running", 1),
    mended("launchd-bootstrap-error-5", 1),
    mended("vm-comes-up-late", 0),
    Mended { not_undone: OF_THE_VM, ..mended("vm-working-directory-missing", 1) },
    mended("vm-certs-share-lost", 1),
    mended("vm-backend-switched-raw-vs-qcow2", 2),
    Mended { allow: "ask", ..mended("nix-custom-conf-clash", 0) },
    mended("vm-clock-skew", 1),
    mended("vm-not-listening", 1),
    mended("vm-unresponsive", 1),
    mended("vm-config-not-applied", 2),
    mended("vm-disk-full", 2),
    mended("vm-disk-full-everywhere", 0),
    mended("vm-state-corrupt", 2),
    mended("ssh-key-missing", 1),
    mended("ssh-key-mismatch", 1),
    mended("ssh-key-too-open", 0),
    mended("ssh-login-refused", 1),
    mended("ssh-remote-nix-unusable-daemon-gone", 1),
    mended("ssh-shut-out", 0),
    mended("daemon-not-running", 1),
    mended("daemon-not-running-determinate", 0),
    mended("daemon-stale-config", 1),
    mended("nix-volume-not-mounted", 1),
    // macOS makes the link, and takes it away at its next start.
    Mended { not_undone: &["l run"], ..mended("synthetic-conf-lost", 1) },
];

/// The same, with the files written by hand: what nix-darwin would write is the user's own.
const BY_HAND: &[Mended] = &[
    by_hand("builders-empty", 1),
    by_hand("builders-inline-shadows-machines-file", 1),
    by_hand("experimental-features-missing", 1),
    by_hand("extra-platforms-claims-linux", 1),
    by_hand("host-system-features-overridden", 1),
    by_hand("machines-feature-missing", 0),
    by_hand("max-jobs-zero", 1),
    by_hand("ssh-alias-missing", 0),
    by_hand("ssh-root-known-hosts-missing", 0),
    by_hand("ssh-multiplexing-in-protocol", 0),
    by_hand("ssh-too-many-auth-failures", 0),
    by_hand("substituter-missing", 1),
    by_hand("trusted-key-missing", 1),
    by_hand("localhost-does-not-resolve", 0),
    by_hand("shell-hook-wiped", 0),
    by_hand("ssh-config-bad-permissions", 0),
    by_hand("cache-untrusted-substituter", 1),
];

/// Checks whose fix no world shows here, and why.
const NOT_SHOWN: &[(&str, &str)] = &[
    (
        "external-builders-hijack",
        "its worlds have no VM behind it: the next cause, builder-not-configured, is left",
    ),
    ("vm-still-booting", "vm-comes-up-late is that world: in the other one the VM never comes up"),
    ("builders-use-substitutes-off", "it is a note, which no run mends unless it is named"),
];

/// Every trial.
pub fn trials(worlds: &[&'static World]) -> Vec<Trial> {
    let mut all = Vec::new();
    all.push(Trial::test("fix: every check with a fix has a world that is mended", every_fix_is_shown));
    let find = |name: &str| find(worlds, name);
    let disabled = find("builder-service-disabled");
    let plain = MENDED.iter().map(|it| (it, find(it.world)));
    let own = BY_HAND.iter().map(|it| (it, made_by_hand(find(it.world))));
    for (it, world) in plain.chain(own) {
        all.push(trial(format!("fix: {}", world.name), move || ends_healthy(it, world)));
        for nth in 1..=it.tells_launchd {
            let name = format!("fix: {}, launchd refuses {nth}", world.name);
            all.push(trial(name, move || {
                is_as_before(it, world, &format!("refused {} {nth}", it.allow), true)
            }));
        }
    }
    for (name, place) in [
        ("ssh-key-too-open", "/etc/nix"),
        ("synthetic-conf-lost", "/etc"),
        ("vm-disk-full", "/var/lib/linux-builder"),
    ] {
        let it = MENDED.iter().find(|it| it.world == name).unwrap_or_else(|| panic!("{name}"));
        let world = find(name);
        all.push(trial(format!("fix: {name}, {place} is read-only"), move || {
            let script = format!(
                "mount --bind $HOST{place} $HOST{place}; mount -o remount,ro,bind $HOST{place}; refused {} 0",
                it.allow
            );
            is_as_before(it, world, &script, false)
        }));
    }
    let own = made_by_hand(find("substituter-missing"));
    let it = BY_HAND.iter().find(|it| it.world == "substituter-missing").unwrap_or(&BY_HAND[0]);
    all.push(trial("fix: substituter-missing-by-hand, the disk is full".to_owned(), move || {
        is_as_before(it, own, &format!("{FULL_DISK}; refused {} 0", it.allow), false)
    }));
    all.push(trial("fix: builder-service-disabled, no room for a journal".to_owned(), move || {
        let script = "mkdir -p $HOST/var/db/builder-doctor; mount -t tmpfs -o size=4k,mode=755 tmpfs $HOST/var/db/builder-doctor; head -c 4096 /dev/zero >$HOST/var/db/builder-doctor/full; refused disruptive 0";
        nothing_begun(disabled, script)
    }));
    all.push(trial("fix: builder-service-disabled, sudo refuses".to_owned(), move || {
        nothing_begun(disabled, "echo 'root ALL=(ALL) ALL' >$HOST/etc/sudoers; refused disruptive 0")
    }));
    for it in BY_HAND.iter().filter(|it| !NOBODYS.contains(&it.world)) {
        let world = find(it.world);
        let name = format!("fix: {}, which nix-darwin writes", it.world);
        all.push(trial(name, move || is_let_be(world)));
    }
    for (name, signal) in [
        ("builder-service-disabled", "KILL"),
        ("ssh-key-missing", "KILL"),
        ("vm-disk-full", "KILL"),
        ("builder-service-disabled", "INT"),
        ("vm-disk-full", "INT"),
    ] {
        let world = find(name);
        all.push(trial(format!("fix: {name}, SIG{signal} at each step"), move || broken_off(world, signal)));
    }
    all
}

fn every_fix_is_shown() -> Result<(), Failed> {
    let shown = |id: &str| MENDED.iter().chain(BY_HAND).any(|it| it.world.starts_with(id));
    let known = |id: &str| NOT_SHOWN.iter().any(|(it, why)| *it == id && !why.is_empty());
    let all = builder_doctor::checks::all();
    let mended = all.iter().filter(|check| !check.fixes.is_empty());
    let missing: Vec<&str> = mended.map(|check| check.id).filter(|id| shown(id) == known(id)).collect();
    if missing.is_empty() { Ok(()) } else { Err(format!("no row, or one too many: {missing:?}").into()) }
}

/// What nix-darwin leaves to the user.
const NOBODYS: &[&str] = &["localhost-does-not-resolve", "shell-hook-wiped"];

/// /etc/nix on a file system of its own, on which nothing more can be written.
const FULL_DISK: &str = "cp -a $HOST/etc/nix /run/lab/etc-nix; mount -t tmpfs -o size=64k,mode=755 tmpfs $HOST/etc/nix; cp -a /run/lab/etc-nix/. $HOST/etc/nix; head -c 1M /dev/zero >$HOST/etc/nix/.filler 2>/dev/null";

pub fn trial(name: String, test: impl FnOnce() -> Result<(), Failed> + Send + 'static) -> Trial {
    Trial::ignorable_test(name, move || match needs_the_lab()? {
        Some(ignored) => Ok(ignored),
        None => test().map(|()| Completion::Completed),
    })
    .with_kind("lab")
}

fn made_by_hand(world: &'static World) -> &'static World {
    let before = String::leak(format!("{}\nby_hand\n", world.before));
    let name = String::leak(format!("{}-by-hand", world.name));
    Box::leak(Box::new(World { name, before, ..*world }))
}

/// What a script printed that may call what is in inside/mending.
pub fn acted(world: &World, script: &str) -> Result<Value, Failed> {
    let unique = format!(
        "{}-{:x}",
        world.name,
        script.bytes().fold(7_u64, |sum, b| sum.wrapping_mul(31) ^ u64::from(b))
    );
    let output = in_world(world, &unique, &format!(". /lab/inside/mending; {script}"))
        .map_err(|error| format!("the world could not be started: {error}"))?;
    serde_json::from_slice(&output.stdout).map_err(|error| {
        let (out, err) = (indented("stdout", &output.stdout), indented("stderr", &output.stderr));
        format!("it printed no JSON ({error}), exit {:?}\n{out}{err}", output.status.code()).into()
    })
}

fn assert(holds: bool, what: &str, told: &Value) -> Result<(), Failed> {
    let told = serde_json::to_string_pretty(told).unwrap_or_default();
    if holds {
        Ok(())
    } else {
        Err(format!("{what}\n{}", told.chars().take(6000).collect::<String>()).into())
    }
}

fn lines(value: &Value) -> Vec<&str> {
    value.as_array().into_iter().flatten().filter_map(Value::as_str).collect()
}

fn ends_healthy(it: &Mended, world: &World) -> Result<(), Failed> {
    let told = acted(world, &format!("mends {}", it.allow))?;
    let first = &told["first"];
    assert(text(first, "ending") == "fixed" && told["first_exit"] == 0, "it was not fixed", &told)?;
    assert(told["verdict"] == "healthy" && text(first, "verdict") == "healthy", "it is not healthy", &told)?;
    let ran = told["builds"].as_array().is_some_and(|all| !all.is_empty());
    assert(ran, "no build shows it", &told)?;
    let again = text(&told["second"], "ending") == "nothing-to-do" && told["second_exit"] == 0;
    assert(again && lines(&told["changed_again"]).is_empty(), "a second run did something", &told)?;
    let links: Vec<&str> =
        lines(&told["changed"]).into_iter().filter(|line| line.starts_with("l ")).collect();
    let made = |line: &&&str| line.starts_with("l run");
    assert(links.iter().all(|line| made(&line)), "a link into what is managed was changed", &told)?;
    let left = lines(&told["not_undone"]);
    let known = |line: &&&str| !it.not_undone.iter().any(|start| line.starts_with(start));
    assert(left.iter().filter(known).count() == 0, "undo left something", &told)
}

/// A step fails: all is as before, and the exit code says so.
fn is_as_before(it: &Mended, world: &World, script: &str, by_launchd: bool) -> Result<(), Failed> {
    let told = acted(world, script)?;
    assert(!by_launchd || told["refused"] == true, "launchd was not asked so often", &told)?;
    assert(
        told["exit"] == 4 && text(&told["first"], "ending") == "rolled-back",
        "it was not rolled back",
        &told,
    )?;
    let changed = lines(&told["changed"]);
    let known = |line: &&&str| !it.not_undone.iter().any(|start| line.starts_with(start));
    assert(changed.iter().filter(known).count() == 0, "something was changed", &told)
}

fn nothing_begun(world: &World, script: &str) -> Result<(), Failed> {
    let told = acted(world, script)?;
    assert(told["exit"] == 2 && text(&told["first"], "ending") == "not-begun", "something was begun", &told)?;
    assert(lines(&told["changed"]).is_empty(), "something was changed", &told)
}

/// What nix-darwin writes is shown to be pasted, or left with its commands, and nothing is changed.
fn is_let_be(world: &World) -> Result<(), Failed> {
    let told = acted(world, "refused disruptive,ask 0")?;
    let first = &told["first"];
    assert(lines(&told["changed"]).is_empty(), "something was changed", &told)?;
    assert(told["exit"] == 1 && text(first, "ending") == "nothing-to-do", "something was done", &told)?;
    let told_how =
        ["patches", "by_hand"].iter().any(|key| first[key].as_array().is_some_and(|all| !all.is_empty()));
    assert(told_how, "nobody says how", &told)
}

fn broken_off(world: &World, signal: &str) -> Result<(), Failed> {
    let told = acted(world, &format!("killed disruptive {signal}"))?;
    let rows = told["rows"].as_array().map(Vec::as_slice).unwrap_or_default();
    assert(rows.len() >= 2, "it was hardly ever broken off", &told)?;
    for row in rows {
        let kept: Vec<&str> = lines(&row["changed"])
            .into_iter()
            .filter(|line| !OF_THE_VM.iter().any(|start| line.starts_with(start)))
            .collect();
        assert(kept.is_empty(), "something was not taken back", row)?;
        // A VM that a program of the step still started has a disk of its own.
        assert(
            row["anyway"] == false || world.name == "vm-disk-full",
            "it was not taken back without --anyway",
            row,
        )?;
        assert(
            signal == "KILL" || row["exit"] == 130,
            "the exit code does not say that it was interrupted",
            row,
        )?;
    }
    Ok(())
}
