//! Every plan of every fix, on a Mac made of maps: carried out, made to fail, and broken off, at each step.

use super::carry_out::{Hands, NotRun, TakenBack, carry_out, moved_on, take_back};
use super::journal::{Book, Journal, State};
use super::plan::{Choice, Planned, plan};
use super::step::{Action, Condition, Verb};
use crate::check::Expect;
use crate::checks;
use crate::diagnosis::{Selection, diagnose};
use crate::evidence::healthy;
use crate::expectations::Expectations;
use crate::host::change::memory::Memory;
use crate::host::change::{Change, Owner, Standing};
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// What launchd knows of a job.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Job {
    enabled: bool,
    loaded: bool,
    running: bool,
}

/// A Mac of maps. It counts what it is asked to do, and refuses or dies at a number.
#[derive(Debug, Default)]
struct Mac {
    files: Memory,
    jobs: RefCell<BTreeMap<String, Job>>,
    programs: Cell<usize>,
    refuses_program: Cell<Option<usize>>,
}

impl Mac {
    /// A Mac on which each step of this plan finds what it is for.
    fn before(planned: &Planned) -> Mac {
        let mac = Mac::default();
        let root = Owner { uid: 0, gid: 0 };
        let file = |text: &str| Standing::File {
            bytes: Some(text.as_bytes().to_vec()),
            mode: 0o640,
            owner: Owner { uid: 7, gid: 8 },
            size: text.len() as u64,
        };
        let put = |path: &str, standing: Standing| {
            mac.files.paths.borrow_mut().insert(PathBuf::from(path), standing);
        };
        put("/", Standing::Folder { mode: 0o755, owner: root });
        for step in &planned.steps {
            match &step.action {
                Action::ReplaceLine { path, line, was, .. } => {
                    let above = "# above\n".repeat(*line as usize - 1);
                    put(path, file(&format!("{above}{was}\r\n# below without an end")));
                }
                Action::AppendLines { path, .. } => put(path, file("# no end of line")),
                Action::RemoveFile { path } | Action::SetMode { path, .. } => put(path, file("old")),
                Action::MoveAside { from, .. } => {
                    let disk = Standing::File { bytes: None, mode: 0o600, owner: root, size: 40 << 30 };
                    put(from, disk);
                }
                Action::Launchctl { verb, label, .. } => {
                    let mut jobs = mac.jobs.borrow_mut();
                    let job = jobs.entry(label.clone()).or_insert(match verb {
                        Verb::Enable => Job { enabled: false, loaded: false, running: false },
                        Verb::Bootstrap => Job { enabled: true, loaded: false, running: false },
                        Verb::Kickstart => Job { enabled: true, loaded: true, running: false },
                        _ => Job { enabled: true, loaded: true, running: true },
                    });
                    // An enabled job is kickstarted where nothing loads it before.
                    if *verb == Verb::Kickstart && !planned.loads(label) {
                        job.loaded = true;
                    }
                }
                _ => {}
            }
        }
        mac
    }

    /// All of its state.
    fn picture(&self) -> (BTreeMap<PathBuf, Standing>, BTreeMap<String, Job>) {
        (self.files.paths.borrow().clone(), self.jobs.borrow().clone())
    }

    fn launchctl(&self, argv: &[String]) -> Result<(), String> {
        let label = |word: &str| word.trim_start_matches("system/").to_owned();
        let mut jobs = self.jobs.borrow_mut();
        let words: Vec<&str> = argv.iter().map(String::as_str).collect();
        let name = match words.as_slice() {
            ["launchctl", "bootstrap", "system", plist] => {
                plist.rsplit('/').next().unwrap_or_default().trim_end_matches(".plist").to_owned()
            }
            ["launchctl", .., job] => label(job),
            _ => return Err(format!("{argv:?}")),
        };
        let job = jobs.get_mut(&name).ok_or("Could not find service")?;
        match words[1] {
            "enable" => job.enabled = true,
            "disable" => job.enabled = false,
            "bootstrap" if !job.enabled || job.loaded => return Err("5: Input/output error".to_owned()),
            "bootstrap" => (job.loaded, job.running) = (true, true),
            _ if !job.loaded => return Err("113: Could not find service".to_owned()),
            "bootout" => (job.loaded, job.running) = (false, false),
            "kickstart" => job.running = true,
            "kill" => job.running = false,
            other => return Err(other.to_owned()),
        }
        Ok(())
    }
}

impl Hands for Mac {
    fn files(&self) -> &dyn Change {
        &self.files
    }
    fn run(&self, argv: &[String]) -> Result<(), NotRun> {
        let done = self.programs.get();
        self.programs.set(done + 1);
        if self.refuses_program.get() == Some(done) {
            return Err(NotRun::Refused("it refuses".to_owned()));
        }
        if argv[0] == "launchctl" { self.launchctl(argv).map_err(NotRun::Refused) } else { Ok(()) }
    }
    fn wait(&self, _: &Condition, _: u64) -> Result<(), String> {
        self.run(&["true".to_owned()]).map_err(NotRun::why)
    }
    fn owner(&self, name: &str) -> Result<Owner, String> {
        assert!(name.contains(':'), "{name}");
        Ok(Owner { uid: 0, gid: 0 })
    }
    fn stop(&self) -> Option<String> {
        None
    }
}

/// Keeps what was last written, and is torn away after so many times.
#[derive(Default)]
struct Pages {
    last: RefCell<Option<Journal>>,
    kept: Cell<usize>,
    torn_after: Cell<Option<usize>>,
}

impl Book for Pages {
    fn keep(&self, journal: &Journal) -> Result<(), String> {
        if self.torn_after.get() == Some(self.kept.get()) {
            return Err("killed".to_owned());
        }
        self.kept.set(self.kept.get() + 1);
        // What is read after a crash was written as text.
        let text = serde_json::to_string(journal).unwrap();
        *self.last.borrow_mut() = Some(serde_json::from_str(&text).unwrap());
        Ok(())
    }
}

impl Planned {
    fn loads(&self, label: &str) -> bool {
        self.steps.iter().any(|step| {
            matches!(&step.action, Action::Launchctl { verb: Verb::Bootstrap, label: it, .. } if it == label)
        })
    }
}

/// Every plan that an example of a check leads to.
fn plans() -> Vec<Planned> {
    let want = Expectations::default();
    let choice = Choice { disruptive: true, ask: true, only: Vec::new() };
    let mut all: Vec<Planned> = Vec::new();
    for check in checks::all() {
        for example in check.examples.iter().filter(|it| matches!(it.expect, Expect::Fail)) {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            let found = diagnose(&checks::all(), &e, &want, &Selection::default());
            for planned in plan(&found, &e, &want, &choice).fixes {
                if !all.contains(&planned) {
                    all.push(planned);
                }
            }
        }
    }
    assert!(all.len() > 25, "{} plans", all.len());
    all
}

fn nothing(_: &super::journal::Entry) {}

fn named(planned: &Planned) -> String {
    format!("{} by {}", planned.id, planned.fix)
}

#[test]
fn each_plan_can_be_carried_out_and_taken_back() {
    for planned in plans() {
        let (mac, book) = (Mac::before(&planned), Pages::default());
        let before = mac.picture();
        let mut journal = Journal::new(1, 0, &planned);
        carry_out(&mut journal, &mac, &book, &mut nothing)
            .unwrap_or_else(|why| panic!("{}: {why}", named(&planned)));
        assert_eq!(moved_on(&journal, &mac), [""; 0], "{}", named(&planned));
        let left = take_back(&mut journal, &mac, &book, State::Undone, &mut nothing);
        assert_eq!(
            (left, mac.picture()),
            (TakenBack::default(), as_far_as_launchd_goes(&planned, before)),
            "{}",
            named(&planned)
        );
        assert_eq!(book.last.borrow().as_ref().map(|it| it.state), Some(State::Undone));
    }
}

/// A job that a step restarts or starts needs nothing to be taken back: it runs as it is configured.
fn as_far_as_launchd_goes(
    planned: &Planned,
    mut picture: (BTreeMap<PathBuf, Standing>, BTreeMap<String, Job>),
) -> (BTreeMap<PathBuf, Standing>, BTreeMap<String, Job>) {
    for (label, job) in &mut picture.1 {
        let restarts = planned.steps.iter().any(|step| {
            matches!(&step.action, Action::Launchctl { verb: Verb::Restart, label: it, .. } if it == label)
        });
        job.running |= restarts;
    }
    picture
}

#[test]
fn whichever_step_is_refused_the_machine_is_as_before() {
    let mut refused = 0;
    for planned in plans() {
        for at in 0..12 {
            for files in [true, false] {
                let (mac, book) = (Mac::before(&planned), Pages::default());
                if files {
                    mac.files.refuses_after.set(Some(at))
                } else {
                    mac.refuses_program.set(Some(at))
                }
                let before = mac.picture();
                let mut journal = Journal::new(1, 0, &planned);
                let Err(why) = carry_out(&mut journal, &mac, &book, &mut nothing) else { continue };
                refused += 1;
                mac.files.refuses_after.set(None);
                let left = take_back(&mut journal, &mac, &book, State::RolledBack, &mut nothing);
                let restarted = as_far_as_launchd_goes(&planned, before.clone());
                let now = mac.picture();
                assert!(
                    left == TakenBack::default() && (now == before || now == restarted),
                    "{} at {at}: {why}\n{left:#?}\n{now:#?}\n{before:#?}",
                    named(&planned)
                );
            }
        }
    }
    assert!(refused > 50, "{refused}");
}

#[test]
fn broken_off_anywhere_it_can_be_undone_from_the_journal() {
    let mut broken = 0;
    for planned in plans() {
        for after in 1.. {
            let (mac, book) = (Mac::before(&planned), Pages::default());
            book.torn_after.set(Some(after));
            let before = mac.picture();
            let mut journal = Journal::new(1, 0, &planned);
            if carry_out(&mut journal, &mac, &book, &mut nothing).is_ok() {
                break;
            }
            broken += 1;
            book.torn_after.set(None);
            let mut found = book.last.borrow().clone().unwrap();
            let left = take_back(&mut found, &mac, &book, State::Undone, &mut nothing);
            let now = mac.picture();
            let restarted = as_far_as_launchd_goes(&planned, before.clone());
            assert!(
                left == TakenBack::default() && (now == before || now == restarted),
                "{} after {after}: {left:#?}\n{now:#?}\n{before:#?}",
                named(&planned)
            );
        }
    }
    assert!(broken > 50, "{broken}");
}

#[test]
fn what_cannot_be_taken_back_is_said_and_the_rest_is_taken_back_all_the_same() {
    let planned = plans().into_iter().find(|it| it.fix == "new-disk").unwrap();
    let (mac, book) = (Mac::before(&planned), Pages::default());
    let mut journal = Journal::new(1, 0, &planned);
    carry_out(&mut journal, &mac, &book, &mut nothing).unwrap();
    let Action::MoveAside { from, to } = &journal.entries[2].step.action.clone() else { panic!() };
    mac.files.paths.borrow_mut().remove(Path::new(to));
    let left = take_back(&mut journal, &mac, &book, State::Undone, &mut nothing).left;
    assert_eq!(left.len(), 1, "{left:#?}");
    assert!(left[0].by[0].contains(from), "{left:#?}");
    assert_eq!(journal.state, State::Stuck);
    assert!(mac.jobs.borrow().values().all(|job| job.loaded && job.running), "the VM runs again");
}

#[test]
fn a_file_that_was_changed_since_is_told() {
    let planned = plans().into_iter().find(|it| it.fix == "close-key").unwrap();
    let (mac, book) = (Mac::before(&planned), Pages::default());
    let mut journal = Journal::new(1, 0, &planned);
    carry_out(&mut journal, &mac, &book, &mut nothing).unwrap();
    let path = planned.steps[0].action.targets()[0];
    mac.files.set(Path::new(path), 0o644, None).unwrap();
    assert_eq!(moved_on(&journal, &mac), [path]);
}

#[test]
fn a_name_that_is_taken_gets_a_number_and_the_way_back_knows_it() {
    let planned = plans().into_iter().find(|it| it.fix == "new-disk").unwrap();
    let (mac, book) = (Mac::before(&planned), Pages::default());
    let taken = planned.steps.iter().find_map(|step| match &step.action {
        Action::MoveAside { to, .. } => Some(to.clone()),
        _ => None,
    });
    let other = Standing::File { bytes: None, mode: 0o600, owner: Owner { uid: 0, gid: 0 }, size: 7 };
    mac.files.paths.borrow_mut().insert(PathBuf::from(taken.clone().unwrap()), other.clone());
    let before = mac.picture();
    let mut journal = Journal::new(1, 0, &planned);
    carry_out(&mut journal, &mac, &book, &mut nothing).unwrap();
    let numbered = PathBuf::from(format!("{}.2", taken.clone().unwrap()));
    assert!(mac.files.paths.borrow().contains_key(&numbered));
    assert_eq!(mac.files.paths.borrow()[Path::new(&taken.unwrap())], other);
    assert_eq!(take_back(&mut journal, &mac, &book, State::Undone, &mut nothing), TakenBack::default());
    assert_eq!(mac.picture(), before);
}

#[test]
fn what_the_vm_put_into_a_new_folder_is_set_aside_and_not_thrown_away() {
    let planned = plans().into_iter().find(|it| it.fix == "make-working-directory").unwrap();
    let (mac, book) = (Mac::before(&planned), Pages::default());
    let mut journal = Journal::new(1, 0, &planned);
    carry_out(&mut journal, &mac, &book, &mut nothing).unwrap();
    let folder = PathBuf::from(planned.steps[0].action.targets()[0]);
    mac.files.write(&folder.join("nixos.qcow2"), b"disk", 0o600, None).unwrap();
    let back = take_back(&mut journal, &mac, &book, State::Undone, &mut nothing);
    assert_eq!((back.left.len(), back.beside.len()), (0, 1), "{back:#?}");
    let aside = PathBuf::from(format!("{}.set-aside", folder.display()));
    assert!(mac.files.paths.borrow().contains_key(&aside.join("nixos.qcow2")));
    assert!(!mac.files.paths.borrow().contains_key(&folder));
}

#[test]
fn no_journal_holds_a_copy_of_what_is_only_moved_or_closed() {
    for planned in plans().iter().filter(|it| it.fix == "close-key" || it.fix == "reinstall-keys") {
        let (mac, book) = (Mac::before(planned), Pages::default());
        for step in &planned.steps {
            for path in step.action.targets() {
                if mac.files.standing(Path::new(path)).unwrap() != Standing::Absent {
                    mac.files.write(Path::new(path), b"PRIVATE", 0o600, None).unwrap();
                }
            }
        }
        let mut journal = Journal::new(1, 0, planned);
        carry_out(&mut journal, &mac, &book, &mut nothing).unwrap();
        let kept = journal.entries.iter().flat_map(|entry| entry.before.iter().chain(&entry.after));
        for stood in kept {
            assert!(!matches!(stood.was, Standing::File { bytes: Some(_), .. }), "{stood:?}");
        }
    }
}

/// Somebody else loads the job between the plan and its step: launchd refuses ours, and theirs goes on.
#[test]
fn what_another_did_meanwhile_is_not_taken_back() {
    let planned = plans().into_iter().find(|it| it.id == "builder-service-not-loaded").unwrap();
    let (mac, book) = (Mac::before(&planned), Pages::default());
    for job in mac.jobs.borrow_mut().values_mut() {
        (job.loaded, job.running) = (true, true);
    }
    let before = mac.picture();
    let mut journal = Journal::new(1, 0, &planned);
    carry_out(&mut journal, &mac, &book, &mut nothing).unwrap_err();
    assert_eq!(take_back(&mut journal, &mac, &book, State::RolledBack, &mut nothing), TakenBack::default());
    assert_eq!(mac.picture(), before);
}
