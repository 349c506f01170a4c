//! docs/faults.md: what the worlds showed of each fault, made by the run of all of them.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;
use std::path::PathBuf;
use std::sync::Mutex;

use crate::world::{Expect, Nix, Report, Run, Who, World, text};

/// Milliseconds. No run of the program may take longer, whatever is wrong.
pub const LONGEST: u64 = 15_000;

/// One run, as the table counts it.
struct Row {
    fault: &'static str,
    nix: Nix,
    root: bool,
    told: Told,
    ms: u64,
}

#[derive(Clone, Copy, PartialEq)]
enum Told {
    First,
    Later,
    Missed,
}

static ROWS: Mutex<Vec<Row>> = Mutex::new(Vec::new());

/// What is said of a fault that only root can tell, where root does not look.
static LESS: Mutex<BTreeSet<(&'static str, String)>> = Mutex::new(BTreeSet::new());

/// How long a run took by its own word.
pub fn took(report: &Report) -> u64 {
    report.json["timings"]["total_ms"].as_u64().unwrap_or(u64::MAX)
}

/// The faults that a run is about: those that it shall name, else the one that its world is named for.
pub fn faults(world: &World, run: &Run) -> Vec<&'static str> {
    let known = builder_doctor::checks::all();
    match &run.expect {
        Expect::Healthy => Vec::new(),
        Expect::Roots(ids) | Expect::Warning(ids) => ids
            .iter()
            .filter_map(|id| known.iter().find(|check| check.id == *id))
            .map(|check| check.id)
            .collect(),
        Expect::That(_) => named_for(world).into_iter().collect(),
    }
}

/// The fault that a world is named for.
fn named_for(world: &World) -> Option<&'static str> {
    let known = builder_doctor::checks::all();
    let named = known.iter().filter(|check| world.name.starts_with(check.id));
    named.max_by_key(|check| check.id.len()).map(|check| check.id)
}

/// Notes what a run showed.
pub fn note(world: &World, run: &Run, report: &Report) {
    let ids: Vec<&str> = report.findings().iter().map(|finding| text(finding, "id")).collect();
    let looks = matches!(run.who, Who::Root) || run.args.contains(&"--sudo");
    if let Some(named) = named_for(world).filter(|named| !looks && !faults(world, run).contains(named))
        && let Ok(mut less) = LESS.lock()
        && run.args == ["--json"]
    {
        less.insert((named, report.causes().first().map_or("nothing", |id| *id).to_owned()));
    }
    // Of several faults each is first that no other of them is before.
    let wanted = faults(world, run);
    for (place, fault) in wanted.iter().copied().enumerate() {
        let causes = report.causes();
        let told = match ids.iter().position(|id| *id == fault) {
            Some(_) if causes.get(place) == Some(&fault) || ids.first() == Some(&fault) => Told::First,
            Some(_) => Told::Later,
            None => Told::Missed,
        };
        let root = matches!(run.who, Who::Root) || run.args.contains(&"--sudo");
        if let Ok(mut rows) = ROWS.lock() {
            rows.push(Row { fault, nix: world.nix, root, told, ms: took(report) });
        }
    }
}

fn file() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/faults.md"))
}

/// After a run of every world: the table in the repository shall say the same, but for the times.
pub fn settle() -> Result<(), String> {
    let made = render();
    let kept = std::fs::read_to_string(file()).unwrap_or_default();
    if std::env::var_os("UPDATE_TABLE").is_some() {
        return std::fs::write(file(), made).map_err(|error| format!("docs/faults.md: {error}"));
    }
    let timeless = |table: &str| -> Vec<String> {
        table.lines().map(|line| line.rsplit_once(" | ").map_or(line, |(rest, _)| rest).to_owned()).collect()
    };
    if timeless(&made) == timeless(&kept) {
        return Ok(());
    }
    let (made, kept) = (timeless(&made), timeless(&kept));
    let differs = made
        .iter()
        .find(|line| !kept.contains(line))
        .or_else(|| kept.iter().find(|line| !made.contains(line)));
    Err(format!(
        "docs/faults.md does not say what the worlds showed, first at {:?}: `UPDATE_TABLE=1 cargo test --test lab` \
         writes it anew",
        differs.map_or("its length", String::as_str)
    ))
}

const HEAD: &str = "\
# What is found of each fault

Made by `UPDATE_TABLE=1 cargo test --test lab`, in simulated Macs on a real Nix (tests/lab/README.md). A run of the
program in a world with that fault finds it **first** (its first finding, or its place among several causes), names
it **later**, or does **not** tell. What only root can see is less exact without `--sudo`: the last but one column is
what is then called the cause. Faults without a world are tested by evidence alone: their own examples, and saved machines.

| fault | layer | severity | runs | first | later | not told | with root | Nix 2.26 | without root | slowest |
|---|---|---|---|---|---|---|---|---|---|---|
";

fn render() -> String {
    let rows = ROWS.lock().map(|rows| {
        let mut by_fault: BTreeMap<&str, Vec<(Nix, bool, Told, u64)>> = BTreeMap::new();
        for row in rows.iter() {
            by_fault.entry(row.fault).or_default().push((row.nix, row.root, row.told, row.ms));
        }
        by_fault
    });
    let rows = rows.unwrap_or_default();
    let less = LESS.lock().map(|less| less.clone()).unwrap_or_default();
    let mut out = HEAD.to_owned();
    let mut without = Vec::new();
    for check in builder_doctor::checks::all() {
        let Some(runs) = rows.get(check.id) else {
            without.push(check.id);
            continue;
        };
        let count = |wanted: Told| runs.iter().filter(|(_, _, told, _)| *told == wanted).count();
        let with_root = runs.iter().filter(|(_, root, ..)| *root).count();
        let old = runs.iter().filter(|(nix, ..)| matches!(nix, Nix::Nix226)).count();
        let slowest = runs.iter().map(|(.., ms)| *ms).max().unwrap_or_default();
        let _ = writeln!(
            out,
            "| {} | {} | {} | {} | {} | {} | {} | {with_root} | {old} | {} | {}.{} s |",
            check.id,
            check.layer.name(),
            check.severity.name(),
            runs.len(),
            count(Told::First),
            count(Told::Later),
            count(Told::Missed),
            less.iter()
                .filter(|(id, _)| *id == check.id)
                .map(|(_, told)| told.as_str())
                .collect::<Vec<_>>()
                .join(", "),
            slowest / 1000,
            slowest % 1000 / 100,
        );
    }
    let _ = write!(out, "\nBy evidence alone ({}): {}.\n", without.len(), without.join(", "));
    out
}
