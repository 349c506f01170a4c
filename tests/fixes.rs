//! Every plan of every fix on real files: killed by SIGKILL after every single thing that it does and every page of
//! its journal, and then undone; led astray by links that are swapped in; refused by journals that others wrote.
//!
//! launchd is a file here, and the paths of the plans stand below a folder of their own; the files, the journal, and
//! the process that is killed are real. The whole program on a whole Mac: tests/lab/fixes.rs.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program acts on")]

use builder_doctor::check::Expect;
use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::evidence::managers::Managers;
use builder_doctor::evidence::{Evidence, Probe, healthy};
use builder_doctor::expectations::Expectations;
use builder_doctor::fix::carry_out::{Hands, NotRun, TakenBack, carry_out, take_back};
use builder_doctor::fix::journal::{Book, Journal, Progress, Shelf, State};
use builder_doctor::fix::plan::{Choice, Planned, plan};
use builder_doctor::fix::step::{Action, Condition, Verb};
use builder_doctor::host::change::{Change, ChangeError, LiveChanges, Owner, Standing};
use builder_doctor::host::live::Live;
use libtest_mimic::{Arguments, Failed, Trial};
use rustix::process::{Signal, geteuid, getpid, kill_process};
use serde_json::{Map, Value, json};
use std::cell::Cell;
use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt, symlink};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};
use std::sync::Arc;
use std::time::Duration;

/// Says to a process that it is the one to be killed: when, and where.
const CHILD: &str = "BUILDER_DOCTOR_TEST_CHILD";

fn main() -> ExitCode {
    if let Ok(told) = std::env::var(CHILD) {
        child(&told);
        return ExitCode::SUCCESS;
    }
    let arguments = Arguments::from_args();
    let mut trials: Vec<Trial> = plans()
        .into_iter()
        .enumerate()
        .map(|(i, planned)| {
            Trial::test(format!("killed_anywhere::{}_by_{}_{i}", planned.id, planned.fix), move || {
                killed_anywhere(&planned)
            })
        })
        .collect();
    let more: [(&str, Test); 5] = [
        ("a_link_in_the_place_of_a_target_is_not_followed", a_link_at_the_end),
        ("a_link_in_the_place_of_a_folder_is_not_followed", a_link_on_the_way),
        ("a_file_that_was_changed_since_the_plan_is_let_be", changed_since),
        ("journals_that_others_could_have_written_are_refused", foreign_journals),
        ("a_journal_that_cannot_be_written_stops_everything", no_journal),
    ];
    trials.extend(more.into_iter().map(|(name, test)| Trial::test(name, test)));
    libtest_mimic::run(&arguments, trials).exit_code()
}

/// What a trial does.
type Test = fn() -> Result<(), Failed>;
/// What is done to a journal.
type Spoil = fn(&Path);

/// Every plan that an example of a check leads to.
fn plans() -> Vec<Planned> {
    let want = Expectations::default();
    let choice = Choice { disruptive: true, ask: true, only: Vec::new() };
    let mut all: Vec<Planned> = Vec::new();
    for check in checks::all() {
        for example in check.examples.iter().filter(|it| matches!(it.expect, Expect::Fail)) {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            for e in [nobodys(e.clone()), e] {
                let found = diagnose(&checks::all(), &e, &want, &Selection::default());
                for planned in plan(&found, &e, &want, &choice).fixes {
                    if !all.iter().any(|known| known.steps == planned.steps) {
                        all.push(planned);
                    }
                }
            }
        }
    }
    assert!(all.len() > 40, "{} plans", all.len());
    all
}

/// The same machine, whose files nobody but the user writes.
fn nobodys(mut e: Evidence) -> Evidence {
    e.managers = Probe::seen(Managers::default(), "paths");
    if let Probe::Seen { fact, .. } = &mut e.conf_files {
        fact.iter_mut().for_each(|file| file.generated_by = None);
    }
    e
}

/// A machine below a folder, whose process can be killed after so many things.
struct Mac {
    root: PathBuf,
    done: Cell<usize>,
    killed_after: Option<usize>,
}

impl Mac {
    fn new(root: &Path, killed_after: Option<usize>) -> Self {
        Mac { root: root.to_owned(), done: Cell::new(0), killed_after }
    }

    /// One more thing was done.
    fn count(&self) {
        let done = self.done.get();
        self.done.set(done + 1);
        if self.killed_after == Some(done) {
            let _ = kill_process(getpid(), Signal::KILL);
        }
    }

    fn at(&self, path: &Path) -> PathBuf {
        self.root.join("mac").join(path.strip_prefix("/").unwrap_or(path))
    }

    /// A machine on which each step of this plan finds what it is for.
    fn furnish(&self, planned: &Planned) {
        let write = |path: &str, text: &str, mode: u32| {
            let at = self.at(Path::new(path));
            fs::create_dir_all(at.parent().unwrap()).unwrap();
            fs::write(&at, text).unwrap();
            fs::set_permissions(&at, fs::Permissions::from_mode(mode)).unwrap();
        };
        fs::create_dir_all(self.at(Path::new("/"))).unwrap();
        let mut jobs = Map::new();
        for step in &planned.steps {
            match &step.action {
                Action::ReplaceLine { path, line, was, .. } => {
                    let above = "# above\n".repeat(*line as usize - 1);
                    write(path, &format!("{above}{was}\r\n# below without an end"), 0o640);
                }
                Action::AppendLines { path, .. } => write(path, "# no end of line", 0o640),
                Action::RemoveFile { path } | Action::SetMode { path, .. } => write(path, "old", 0o640),
                Action::MoveAside { from, .. } => write(from, "a disk, or a key", 0o600),
                Action::WriteFile { path, .. } => {
                    fs::create_dir_all(self.at(Path::new(path)).parent().unwrap()).unwrap();
                }
                Action::Launchctl { verb, label, .. } if !jobs.contains_key(label) => {
                    let loads = planned.steps.iter().any(|it| {
                        matches!(&it.action, Action::Launchctl { verb: Verb::Bootstrap, label: other, .. } if other == label)
                    });
                    let stands = match verb {
                        Verb::Enable => json!({ "enabled": false, "loaded": !loads, "running": false }),
                        Verb::Bootstrap => json!({ "enabled": true, "loaded": false, "running": false }),
                        Verb::Kickstart => json!({ "enabled": true, "loaded": true, "running": false }),
                        _ => json!({ "enabled": true, "loaded": true, "running": true }),
                    };
                    jobs.insert(label.clone(), stands);
                }
                _ => {}
            }
        }
        self.write_jobs(&jobs);
    }

    fn jobs(&self) -> Map<String, Value> {
        serde_json::from_slice(&fs::read(self.root.join("launchd.json")).unwrap()).unwrap()
    }

    fn write_jobs(&self, jobs: &Map<String, Value>) {
        let new = self.root.join("launchd.json.new");
        fs::write(&new, Value::Object(jobs.clone()).to_string()).unwrap();
        fs::rename(new, self.root.join("launchd.json")).unwrap();
    }

    fn launchctl(&self, argv: &[String]) -> Result<(), String> {
        let mut jobs = self.jobs();
        let last = argv.last().unwrap().trim_start_matches("system/");
        let name = last.rsplit('/').next().unwrap().trim_end_matches(".plist").to_owned();
        let job = jobs.get_mut(&name).ok_or("Could not find service")?;
        let is = |key: &str| job[key] == true;
        let (enabled, loaded) = (is("enabled"), is("loaded"));
        let mut set = |all: &[(&str, bool)]| all.iter().for_each(|(key, value)| job[*key] = json!(value));
        match argv[1].as_str() {
            "enable" => set(&[("enabled", true)]),
            "disable" => set(&[("enabled", false)]),
            "bootstrap" if !enabled || loaded => return Err("5: Input/output error".to_owned()),
            "bootstrap" => set(&[("loaded", true), ("running", true)]),
            _ if !loaded => return Err("113: Could not find service".to_owned()),
            "bootout" => set(&[("loaded", false), ("running", false)]),
            "kickstart" => set(&[("running", true)]),
            "kill" => set(&[("running", false)]),
            other => return Err(other.to_owned()),
        }
        self.write_jobs(&jobs);
        Ok(())
    }

    /// All that there is: paths with kinds, modes, owners and contents, and what launchd is told.
    fn picture(&self) -> BTreeMap<String, String> {
        let mut all = BTreeMap::new();
        let mut folders = vec![self.root.join("mac")];
        while let Some(folder) = folders.pop() {
            for entry in fs::read_dir(&folder).unwrap().map(Result::unwrap) {
                let path = entry.path();
                let found = fs::symlink_metadata(&path).unwrap();
                let held = if found.is_file() { fs::read(&path).unwrap() } else { Vec::new() };
                let text = format!(
                    "{:o} {}:{} {}",
                    found.mode(),
                    found.uid(),
                    found.gid(),
                    String::from_utf8_lossy(&held)
                );
                all.insert(path.strip_prefix(&self.root).unwrap().to_string_lossy().into_owned(), text);
                if found.is_dir() {
                    folders.push(path);
                }
            }
        }
        for (label, mut job) in self.jobs() {
            // Whether it runs is launchd's: a job that is loaded is started again and again.
            job.as_object_mut().unwrap().remove("running");
            all.insert(format!("launchd {label}"), job.to_string());
        }
        all
    }
}

impl Change for Mac {
    fn standing(&self, path: &Path) -> Result<Standing, ChangeError> {
        LiveChanges.standing(&self.at(path))
    }
    fn write(&self, path: &Path, bytes: &[u8], mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        LiveChanges.write(&self.at(path), bytes, mode, owner).inspect(|()| self.count())
    }
    fn set(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        LiveChanges.set(&self.at(path), mode, owner).inspect(|()| self.count())
    }
    fn rename(&self, from: &Path, to: &Path) -> Result<(), ChangeError> {
        LiveChanges.rename(&self.at(from), &self.at(to)).inspect(|()| self.count())
    }
    fn remove(&self, path: &Path) -> Result<(), ChangeError> {
        LiveChanges.remove(&self.at(path)).inspect(|()| self.count())
    }
    fn make_folder(&self, path: &Path, mode: u32, owner: Option<Owner>) -> Result<(), ChangeError> {
        LiveChanges.make_folder(&self.at(path), mode, owner).inspect(|()| self.count())
    }
    fn remove_folder(&self, path: &Path) -> Result<(), ChangeError> {
        LiveChanges.remove_folder(&self.at(path)).inspect(|()| self.count())
    }
}

impl Hands for Mac {
    fn files(&self) -> &dyn Change {
        self
    }
    fn run(&self, argv: &[String]) -> Result<(), NotRun> {
        let ran = if argv[0] == "launchctl" { self.launchctl(argv).map_err(NotRun::Refused) } else { Ok(()) };
        ran.inspect(|()| self.count())
    }
    fn wait(&self, _: &Condition, _: u64) -> Result<(), String> {
        self.count();
        Ok(())
    }
    fn owner(&self, _: &str) -> Result<Owner, String> {
        let found = fs::metadata(&self.root).unwrap();
        Ok(Owner { uid: found.uid(), gid: found.gid() })
    }
    fn stop(&self) -> Option<String> {
        None
    }
}

/// A shelf whose pages count as things that are done.
struct Counted<'a>(&'a Mac, Shelf<'a>);

impl Book for Counted<'_> {
    fn keep(&self, journal: &Journal) -> Result<(), String> {
        self.1.keep(journal).inspect(|()| self.0.count())
    }
}

fn live() -> Live {
    Live::new(Duration::from_secs(60), Arc::default())
}

fn nothing(_: &builder_doctor::fix::journal::Entry) {}

/// Carries a plan out, and is killed on the way: `AFTER FOLDER`.
fn child(told: &str) {
    let (after, folder) = told.split_once(' ').unwrap();
    let mac = Mac::new(Path::new(folder), after.parse().ok());
    let planned: Planned = serde_json::from_slice(&fs::read(mac.root.join("plan.json")).unwrap()).unwrap();
    let host = live();
    let book = Counted(&mac, Shelf::of_user(&host, &LiveChanges, &mac.root.join("state")));
    let mut journal = Journal::new(1, 0, &planned);
    carry_out(&mut journal, &mac, &book, &mut nothing).unwrap();
}

/// A folder of our own, which nobody else may write to.
fn folder() -> tempfile::TempDir {
    tempfile::tempdir().unwrap()
}

fn killed_anywhere(planned: &Planned) -> Result<(), Failed> {
    for after in 0.. {
        let folder = folder();
        let mac = Mac::new(folder.path(), None);
        mac.furnish(planned);
        let before = mac.picture();
        fs::write(folder.path().join("plan.json"), serde_json::to_vec(planned)?)?;
        let told = format!("{after} {}", folder.path().display());
        let ended = Command::new(std::env::current_exe()?).env(CHILD, told).output()?;
        let killed = ended.status.signal() == Some(Signal::KILL.as_raw());
        if !killed && !ended.status.success() {
            return Err(format!("after {after}: {}", String::from_utf8_lossy(&ended.stderr)).into());
        }
        let host = live();
        let shelf = Shelf::of_user(&host, &LiveChanges, &folder.path().join("state"));
        let found = shelf.read(1);
        if let Ok(mut journal) = found {
            let open = journal.state == State::Open && journal.state.can_be_undone();
            let begun = journal.entries.iter().any(|entry| entry.progress != Progress::Planned);
            let left = take_back(&mut journal, &mac, &shelf, State::Undone, &mut nothing);
            if !open || left != TakenBack::default() {
                return Err(format!("after {after} (begun: {begun}): {left:#?}").into());
            }
        }
        let now = mac.picture();
        if now != before {
            return Err(format!("after {after}:\n{now:#?}\nis not\n{before:#?}").into());
        }
        if !killed {
            // It came to its end: at least a page before, and two for each step.
            let least = 1 + 2 * planned.steps.len();
            return if after > least { Ok(()) } else { Err(format!("only {after} things were done").into()) };
        }
    }
    Ok(())
}

/// Each target of a plan, and the plan.
fn targets() -> Vec<(Planned, PathBuf)> {
    let all = plans().into_iter().flat_map(|planned| {
        let first = planned.steps.iter().find_map(|step| step.action.targets().first().map(PathBuf::from));
        first.map(|path| (planned, path))
    });
    all.collect()
}

/// Tries to carry a plan out, and takes back what was done; why it failed.
fn refused(mac: &Mac, planned: &Planned) -> Result<String, Failed> {
    let host = live();
    let shelf = Shelf::of_user(&host, &LiveChanges, &mac.root.join("state"));
    let mut journal = Journal::new(1, 0, planned);
    let why = carry_out(&mut journal, mac, &shelf, &mut nothing).err();
    let left = take_back(&mut journal, mac, &shelf, State::RolledBack, &mut nothing);
    if left != TakenBack::default() {
        return Err(format!("{}: {left:#?}", planned.fix).into());
    }
    why.ok_or_else(|| format!("{}: it was carried out", planned.fix).into())
}

fn a_link_at_the_end() -> Result<(), Failed> {
    let all = targets();
    for (planned, path) in &all {
        let folder = folder();
        let mac = Mac::new(folder.path(), None);
        mac.furnish(planned);
        let victim = folder.path().join("victim");
        fs::write(&victim, "precious")?;
        fs::set_permissions(&victim, fs::Permissions::from_mode(0o640))?;
        let at = mac.at(path);
        let _ = fs::remove_file(&at);
        fs::create_dir_all(at.parent().unwrap())?;
        symlink(&victim, &at)?;
        let before = mac.picture();
        refused(&mac, planned)?;
        let untouched = fs::read(&victim)? == b"precious" && fs::metadata(&victim)?.mode() & 0o7777 == 0o640;
        if !untouched || mac.picture() != before {
            return Err(format!("{}: the link was followed, or is gone", planned.fix).into());
        }
    }
    if all.len() > 10 { Ok(()) } else { Err("hardly any plan has a target".into()) }
}

fn a_link_on_the_way() -> Result<(), Failed> {
    for (planned, path) in targets() {
        let folder = folder();
        let mac = Mac::new(folder.path(), None);
        mac.furnish(&planned);
        let parent = mac.at(&path).parent().unwrap().to_owned();
        fs::create_dir_all(&parent)?;
        let elsewhere = folder.path().join("elsewhere");
        fs::rename(&parent, &elsewhere)?;
        symlink(&elsewhere, &parent)?;
        if geteuid().is_root() {
            // Root's own links, in root's own folders, are the system's.
            std::os::unix::fs::lchown(&parent, Some(65534), Some(65534))?;
        }
        let before = mac.picture();
        let why = refused(&mac, &planned)?;
        if !why.contains("link") && !why.contains("another user") || mac.picture() != before {
            return Err(format!("{}: {why}", planned.fix).into());
        }
    }
    Ok(())
}

/// A line that is another by now is not replaced.
fn changed_since() -> Result<(), Failed> {
    let mut tried = 0;
    for planned in plans() {
        let Some(Action::ReplaceLine { path, line, .. }) =
            planned.steps.first().map(|step| step.action.clone())
        else {
            continue;
        };
        tried += 1;
        let folder = folder();
        let mac = Mac::new(folder.path(), None);
        mac.furnish(&planned);
        let text = format!("{}the user's own line\n", "# above\n".repeat(line as usize - 1));
        fs::write(mac.at(Path::new(&path)), &text)?;
        let why = refused(&mac, &planned)?;
        if !why.contains("changed since") || fs::read(mac.at(Path::new(&path)))? != text.as_bytes() {
            return Err(why.into());
        }
    }
    if tried > 0 { Ok(()) } else { Err("no plan replaces a line".into()) }
}

fn foreign_journals() -> Result<(), Failed> {
    let planned = plans().remove(0);
    let spoil: [(&str, Spoil); 6] = [
        ("others may read", |journal| {
            fs::set_permissions(journal, fs::Permissions::from_mode(0o604)).unwrap()
        }),
        ("others may read", |journal| {
            fs::set_permissions(journal, fs::Permissions::from_mode(0o620)).unwrap()
        }),
        ("others may read", |journal| {
            fs::set_permissions(journal.parent().unwrap(), fs::Permissions::from_mode(0o755)).unwrap();
        }),
        ("link", |journal| {
            let aside = journal.with_extension("aside");
            fs::rename(journal, &aside).unwrap();
            symlink(aside, journal).unwrap();
        }),
        ("line 1", |journal| fs::write(journal, "{").unwrap()),
        ("newer", |journal| {
            let text = fs::read_to_string(journal).unwrap();
            fs::write(journal, text.replace("\"schema_version\": 1", "\"schema_version\": 999")).unwrap();
        }),
    ];
    for (words, spoil) in spoil {
        let folder = folder();
        let mac = Mac::new(folder.path(), None);
        mac.furnish(&planned);
        let host = live();
        let shelf = Shelf::of_user(&host, &LiveChanges, &folder.path().join("state"));
        let mut journal = Journal::new(1, 0, &planned);
        carry_out(&mut journal, &mac, &shelf, &mut nothing)?;
        shelf.read(1)?;
        spoil(&shelf.folder().join("0001.json"));
        match shelf.read(1).and_then(|_| shelf.next_number(0)) {
            Err(why) if why.contains(words) && why.lines().count() == 1 => {}
            other => return Err(format!("{words}: {other:?}").into()),
        }
    }
    if geteuid().is_root() {
        let folder = folder();
        let host = live();
        let shelf = Shelf::of_user(&host, &LiveChanges, &folder.path().join("state"));
        shelf.keep(&Journal::new(1, 0, &planned))?;
        std::os::unix::fs::chown(shelf.folder().join("0001.json"), Some(65534), None)?;
        if !shelf.read(1).is_err_and(|why| why.contains("another user's")) {
            return Err("a journal of another user's was read".into());
        }
    }
    Ok(())
}

/// What cannot be written down is not done.
fn no_journal() -> Result<(), Failed> {
    for planned in plans() {
        let folder = folder();
        let mac = Mac::new(folder.path(), None);
        mac.furnish(&planned);
        let before = mac.picture();
        fs::write(folder.path().join("state"), "no folder")?;
        let host = live();
        let shelf = Shelf::of_user(&host, &LiveChanges, &folder.path().join("state"));
        let done = carry_out(&mut Journal::new(1, 0, &planned), &mac, &shelf, &mut nothing);
        if done.is_ok() || mac.picture() != before {
            return Err(format!("{}: it was carried out without a journal", planned.fix).into());
        }
    }
    Ok(())
}
