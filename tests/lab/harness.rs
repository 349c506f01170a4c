//! Makes the root filesystems, brings worlds up, runs the program in them, compares and complains.

use std::fmt::Write as _;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode, Output, Stdio};
use std::sync::LazyLock;

use libtest_mimic::{Arguments, Completion, Failed, Trial};

use crate::world::{Report, Run, Who, World, text};

/// Seconds. No run of the program may take this long, whatever hangs in its world.
const LIMIT: &str = "180";
/// What the script `world` exits with where the world itself did not come up.
const NO_WORLD: i32 = 125;
const FOLDER: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/lab");

pub fn main(worlds: &[&'static World], more: impl FnOnce() -> Vec<Trial>) -> ExitCode {
    if let Ok(name) = std::env::var("BUILDER_DOCTOR_LAB_WORLD") {
        return shell(worlds, &name);
    }
    let mut arguments = Arguments::from_args();
    // Worlds wait more than they compute.
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    arguments.test_threads.get_or_insert(2 * cores);
    let trials = worlds
        .iter()
        .map(|&world| Trial::ignorable_test(world.name, move || test(world)).with_kind("lab"))
        .chain(more())
        .collect();
    let whole =
        arguments.filter.is_none() && !arguments.list && arguments.skip.is_empty() && !arguments.ignored;
    let conclusion = libtest_mimic::run(&arguments, trials);
    // A run of some worlds tells nothing of the others.
    if whole
        && !conclusion.has_failed()
        && conclusion.num_ignored == 0
        && let Err(why) = crate::table::settle()
    {
        eprintln!("{why}");
        return ExitCode::FAILURE;
    }
    conclusion.exit_code()
}

/// Why there is no lab.
enum Unable {
    /// This machine is of the wrong kind: no fault of the project's.
    Cannot(String),
    Failed(String),
}

/// Made before the first world of a run, and not at all for `--list`.
static LAB: LazyLock<Result<(), Unable>> = LazyLock::new(provision);

fn provision() -> Result<(), Unable> {
    let output = Command::new(script("provision"))
        .stdin(Stdio::null())
        .stdout(Stdio::inherit())
        .output()
        .map_err(|error| Unable::Cannot(format!("tests/lab/provision does not start: {error}")))?;
    let last = last_line(&output.stderr);
    match output.status.code() {
        Some(0) => Ok(()),
        Some(77) => Err(Unable::Cannot(last)),
        _ => Err(Unable::Failed(last)),
    }
}

/// What a trial ends with where there is no lab.
pub fn needs_the_lab() -> Result<Option<Completion>, Failed> {
    match &*LAB {
        // In CI a lab that cannot run is a failure: else nobody would notice that it never does.
        Err(Unable::Cannot(why)) if std::env::var("CI").is_ok_and(|ci| ci == "true") => Err(why.into()),
        Err(Unable::Cannot(why)) => Ok(Some(Completion::ignored_with(why))),
        Err(Unable::Failed(why)) => Err(why.into()),
        Ok(()) => Ok(None),
    }
}

fn test(world: &World) -> Result<Completion, Failed> {
    if let Some(ignored) = needs_the_lab()? {
        return Ok(ignored);
    }
    for (number, run) in world.run.iter().enumerate() {
        try_run(world, number, run)?;
    }
    Ok(Completion::Completed)
}

fn try_run(world: &World, number: usize, run: &Run) -> Result<(), Failed> {
    let call = call(run);
    let output = in_world(world, &format!("{}-{number}", world.name), &call)
        .map_err(|error| format!("the world could not be started: {error}"))?;
    // What `why` answers is no report.
    let is_report = !run.args.first().is_some_and(|word| word.starts_with("why "));
    // The first run, or a later one that names the fault by which the world is called.
    let telling = crate::table::faults(world, run).iter().any(|id| world.name.starts_with(id));
    if (number == 0 || telling)
        && is_report
        && let Some(folder) = std::env::var_os("BUILDER_DOCTOR_LAB_SAVE")
    {
        let file = Path::new(&folder).join(format!("{}.json", world.name));
        fs::write(&file, &output.stdout)
            .map_err(|error| format!("{} cannot be written: {error}", file.display()))?;
    }
    let judged = judge(world, run, &output);
    judged.map_err(|why| complaint(world, &call, &why, &output).into())
}

fn judge(world: &World, run: &Run, output: &Output) -> Result<(), String> {
    let exit = match output.status.code() {
        None | Some(137) => return Err(format!("it did not end within {LIMIT} s")),
        Some(NO_WORLD) => return Err("the world did not come up".into()),
        Some(code) => code,
    };
    let json = serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("stdout is not one JSON document: {error}"))?;
    let report = Report { exit, json, connections: connections(&output.stderr) };
    if !report.json["findings"].is_array() {
        // An answer of `why`, which is no report.
        return run.expect.check(&report);
    }
    crate::table::note(world, run, &report);
    run.expect.check(&report)?;
    let took = crate::table::took(&report);
    if took > crate::table::LONGEST {
        return Err(format!("it took {took} ms"));
    }
    few_connections(run, &report)?;
    right_manager(&report)
}

/// What `counting` said last.
fn connections(stderr: &[u8]) -> Option<u32> {
    let all = String::from_utf8_lossy(stderr);
    all.lines().rev().find_map(|line| line.strip_prefix("lab: connections "))?.trim().parse().ok()
}

/// sshd shuts out whoever knocks often. A run may make one scan of the host key and, where that shows nothing,
/// one connection of its own, for each machine; each test build logs in once; root's look twice.
fn few_connections(run: &Run, report: &Report) -> Result<(), String> {
    let has = |word: &str| run.args.contains(&word);
    let machines = report.json["evidence"]["ports"]["seen"]["fact"].as_array().map_or(1, Vec::len);
    let builds = match (has("--quick"), has("--deep")) {
        (true, _) => 0,
        (_, true) => 5,
        _ => 3,
    };
    let logins = if has("--sudo") || matches!(run.who, Who::Root) { 2 } else { 0 };
    let most = u32::try_from(2 * machines + builds * machines + logins).unwrap_or(u32::MAX);
    match report.connections {
        None => Err("nobody counted the connections to the builder's port".into()),
        Some(made) if made > most => {
            Err(format!("{made} connections were made to the builder's port, and {most} are enough"))
        }
        Some(_) => Ok(()),
    }
}

/// Each remedy is for who manages the files, and names the daemon that runs.
fn right_manager(report: &Report) -> Result<(), String> {
    let managers = &report.json["evidence"]["managers"]["seen"]["fact"];
    let determinate = managers["determinate"].is_string();
    let nix_darwin = managers["nix_darwin"].is_string();
    let foreign: &[&str] = match (determinate, nix_darwin) {
        (true, _) => &["darwin-rebuild", "org.nixos.nix-daemon"],
        (false, true) => &["nix.custom.conf", "systems.determinate"],
        (false, false) => &["darwin-rebuild", "systems.determinate"],
    };
    // These are about the other one's leavings.
    let about_both = ["daemon-label-is-determinate", "nix-custom-conf-clash", "determinate-vs-nix-darwin"];
    for finding in report.findings().iter().filter(|it| !about_both.contains(&text(it, "id"))) {
        let remedy = &finding["remedy"];
        let told = format!("{} {}", remedy["commands"], remedy["edit"]);
        if let Some(word) = foreign.iter().find(|word| told.contains(**word)) {
            return Err(format!(
                "the remedy of {} names {word}, which is not for this machine: {told}",
                text(finding, "id")
            ));
        }
    }
    Ok(())
}

fn complaint(world: &World, call: &str, why: &str, output: &Output) -> String {
    let mut out = format!("{why}\n\n  world    {}\n  command  {call}\n", world.doc);
    let _ = writeln!(out, "  exit     {}", output.status.code().unwrap_or(-1));
    match serde_json::from_slice(&output.stdout) {
        Ok(json) => {
            let report = Report { exit: 0, json, connections: None };
            let _ = writeln!(out, "  verdict  {}", report.verdict());
            for finding in report.findings() {
                let [id, role, severity, seen] =
                    ["id", "role", "severity", "seen"].map(|key| text(finding, key));
                let _ = writeln!(out, "  finding  {id} ({severity}, {role}): {seen}");
            }
        }
        Err(_) => out.push_str(&indented("stdout", &output.stdout)),
    }
    out.push_str(&indented("stderr", &output.stderr));
    let _ = write!(out, "\n  a shell in this world: tests/lab/shell {}", world.name);
    out
}

/// The last 20 lines.
pub fn indented(what: &str, bytes: &[u8]) -> String {
    let all = String::from_utf8_lossy(bytes);
    let lines: Vec<&str> = all.lines().collect();
    lines[lines.len().saturating_sub(20)..].iter().map(|line| format!("  {what}   {line}\n")).collect()
}

fn last_line(bytes: &[u8]) -> String {
    let all = String::from_utf8_lossy(bytes);
    all.lines().last().unwrap_or("no word on why").to_owned()
}

fn call(run: &Run) -> String {
    let who = match run.who {
        Who::Alice => "as_alice",
        Who::Root => "as_root",
    };
    format!("counting {who} builder-doctor {}", run.args.join(" "))
}

fn script(name: &str) -> PathBuf {
    Path::new(FOLDER).join(name)
}

pub fn in_world(world: &World, unique: &str, command: &str) -> std::io::Result<Output> {
    let snippets = Snippets::write(world, unique, command)?;
    let mut outer = Command::new("timeout");
    outer.args(["--signal=KILL", LIMIT]).arg(script("world"));
    snippets.arguments(world, &mut outer);
    outer.stdin(Stdio::null()).output()
}

/// The files that the script `world` takes a world's snippets from.
struct Snippets {
    folder: PathBuf,
}

impl Snippets {
    fn write(world: &World, unique: &str, command: &str) -> std::io::Result<Snippets> {
        let folder = std::env::temp_dir().join(format!("builder-doctor-lab-{}-{unique}", std::process::id()));
        fs::create_dir_all(&folder)?;
        fs::write(folder.join("before"), world.before)?;
        fs::write(folder.join("after"), world.after)?;
        fs::write(folder.join("run"), command)?;
        Ok(Snippets { folder })
    }

    fn arguments(&self, world: &World, command: &mut Command) {
        let program = std::env::var_os("BUILDER_DOCTOR_BIN")
            .map_or_else(|| PathBuf::from(env!("CARGO_BIN_EXE_builder-doctor")), PathBuf::from);
        command.args(["--nix", world.nix.folder()]).arg("--program").arg(program);
        for name in ["before", "after", "run"] {
            command.arg(format!("--{name}")).arg(self.folder.join(name));
        }
    }
}

impl Drop for Snippets {
    fn drop(&mut self) {
        // A folder left in the temporary folder harms nobody.
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// What tests/lab/shell asks for: a shell, or one command, in a world by name.
fn shell(worlds: &[&'static World], name: &str) -> ExitCode {
    let Some(world) = worlds.iter().find(|world| world.name == name) else {
        eprintln!("there is no world {name}; the worlds are:");
        for world in worlds {
            eprintln!("  {:36} {}", world.name, world.doc);
        }
        return ExitCode::from(2);
    };
    if let Err(Unable::Cannot(why) | Unable::Failed(why)) = &*LAB {
        eprintln!("{why}");
        return ExitCode::from(1);
    }
    let command = std::env::var("BUILDER_DOCTOR_LAB_COMMAND").unwrap_or_else(|_| "interactive".into());
    let ended = Snippets::write(world, name, &command).and_then(|snippets| {
        let mut outer = Command::new(script("world"));
        snippets.arguments(world, &mut outer);
        outer.status()
    });
    match ended {
        Ok(status) => ExitCode::from(status.code().and_then(|code| u8::try_from(code).ok()).unwrap_or(1)),
        Err(error) => {
            eprintln!("the world could not be started: {error}");
            ExitCode::from(1)
        }
    }
}
