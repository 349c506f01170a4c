//! `start`, `stop`, `restart`, `status` and `wait` against the real sshd and Nix. What is called in a world: here; how:
//! inside/controlling.

use crate::fixes::{acted, trial};
use crate::world::{World, find, text};
use libtest_mimic::{Failed, Trial};

/// What one call must end with: the words that it was called with, its exit code, and what it says, on either stream.
pub type Row = (&'static str, i64, &'static [&'static str]);

/// Calls in one world, one after the other.
pub struct Story {
    pub name: &'static str,
    pub world: &'static str,
    /// bash, which calls `row` and `fact`.
    pub script: &'static str,
    pub rows: &'static [Row],
}

const STORIES: &[Story] = &[
    Story {
        name: "control: stopped, seen as that, and started again",
        world: "healthy",
        script: "
            row status; row start; row stop; fact loaded loaded; fact disabled disabled; fact marked marked
            row status --json; row --quick; row --format short --quick; row stop; row start; fact marked marked
            row status; row restart; row wait; row --format short
        ",
        rows: &[
            ("status", 0, &["running", "SSH-2.0-", "at boot  yes"]),
            ("start", 0, &["already running, and answers"]),
            ("stop", 0, &["stays so until `builder-doctor start`"]),
            ("loaded", 1, &[]),
            ("disabled", 0, &[]),
            ("marked", 0, &[]),
            ("status --json", 1, &["\"state\": \"stopped\"", "\"by\": \"alice\"", "\"schema_version\": 1"]),
            ("--quick", 1, &["Linux builds wait: alice stopped", "builder-doctor start"]),
            ("--format short --quick", 1, &["builder-stopped-on-purpose"]),
            ("stop", 0, &["stopped already"]),
            ("start", 0, &["the builder answers, after"]),
            ("marked", 1, &[]),
            ("status", 0, &["running"]),
            ("restart", 0, &["the builder answers, after"]),
            ("wait", 0, &["the builder answers, after"]),
            ("--format short", 0, &["healthy"]),
        ],
    },
    Story {
        name: "control: a job that is loaded and dead is no running one",
        world: "builder-service-not-running",
        script: "row status; row start; row status; row --format short",
        rows: &[
            ("status", 1, &["not running"]),
            ("start", 0, &["kickstart", "the builder answers, after"]),
            ("status", 0, &["running"]),
            ("--format short", 0, &["healthy"]),
        ],
    },
    Story {
        name: "control: a builder that launchd was told never to start",
        world: "builder-service-disabled",
        script: "row status; row start --no-wait; row wait; row --format short",
        rows: &[
            ("status", 1, &["disabled"]),
            ("start --no-wait", 0, &["launchd was told"]),
            ("wait", 0, &["the builder answers, after"]),
            ("--format short", 0, &["healthy"]),
        ],
    },
    Story {
        name: "control: a build on it is not ended unasked",
        world: "healthy",
        script: "
            hold_slot
            row status; row stop; fact loaded loaded; row restart; row stop --when-idle --timeout 3s; fact loaded loaded
            ( sleep 4; pkill -f 'name = \"endless\"' ) &
            row stop --when-idle; fact loaded loaded; row start
            hold_slot
            row stop --yes; fact loaded loaded
        ",
        rows: &[
            ("status", 0, &["builds   1"]),
            ("stop", 1, &["1 build on the builder", "--when-idle", "--yes"]),
            ("loaded", 0, &[]),
            ("restart", 1, &["1 build on the builder", "--yes"]),
            ("stop --when-idle --timeout 3s", 1, &["so it was not stopped"]),
            ("loaded", 0, &[]),
            ("stop --when-idle", 0, &["wait for 1 build", "the builder is stopped"]),
            ("loaded", 1, &[]),
            ("start", 0, &["the builder answers, after"]),
            ("stop --yes", 0, &["the builder is stopped"]),
            ("loaded", 1, &[]),
        ],
    },
    Story {
        name: "control: what does not come up is told with its cause",
        world: "builder-crash-looping-live",
        script: "row restart --timeout 2s; row wait --timeout 1s",
        rows: &[
            ("restart --timeout 2s", 1, &["does not answer", "builder-crash-looping"]),
            ("wait --timeout 1s", 1, &["does not answer", "builder-crash-looping"]),
        ],
    },
    Story {
        name: "control: for a while",
        world: "builder-service-disabled",
        script: "row start --for 2s; fact loaded loaded; fact disabled disabled; row status --json",
        rows: &[
            ("start --for 2s", 0, &["the builder answers, after", "the builder is stopped"]),
            ("loaded", 1, &[]),
            ("disabled", 0, &[]),
            ("status --json", 1, &["\"state\": \"stopped\""]),
        ],
    },
    Story {
        name: "control: a stop that launchd refuses is no stop",
        world: "healthy",
        script: "echo 2 >$LAB/refuse; row stop; fact loaded loaded; fact disabled disabled; fact marked marked; row --format short",
        rows: &[
            ("stop", 1, &["could not be stopped", "bootout"]),
            ("loaded", 0, &[]),
            ("disabled", 1, &[]),
            ("marked", 1, &[]),
            ("--format short", 0, &["healthy"]),
        ],
    },
    Story {
        name: "control: sudo refuses",
        world: "healthy",
        script: "echo 'root ALL=(ALL) ALL' >$HOST/etc/sudoers; row stop; fact loaded loaded; fact marked marked; row status",
        rows: &[
            ("stop", 1, &["sudo"]),
            ("loaded", 0, &[]),
            ("marked", 1, &[]),
            ("status", 0, &["running"]),
        ],
    },
    Story {
        name: "control: no builder at all",
        world: "builder-not-configured",
        script: "row status; row start --timeout 1s; row stop",
        rows: &[("status", 1, &["not loaded"]), ("start --timeout 1s", 1, &["builder-not-configured"]), ("stop", 1, &[])],
    },
];

/// Every trial.
pub fn trials(worlds: &[&'static World]) -> Vec<Trial> {
    told_in(worlds, STORIES)
}

/// Stories as trials.
pub fn told_in(worlds: &[&'static World], stories: &'static [Story]) -> Vec<Trial> {
    let all = stories.iter().map(|story| (story, find(worlds, story.world)));
    all.map(|(story, world)| trial(story.name.to_owned(), move || told(story, world))).collect()
}

fn told(story: &Story, world: &World) -> Result<(), Failed> {
    let rows = acted(
        world,
        &format!(". /lab/inside/controlling; . /lab/inside/setting_up\n{}\nrows", story.script),
    )?;
    let rows = rows.as_array().map(Vec::as_slice).unwrap_or_default();
    let called: Vec<&str> = rows.iter().map(|row| text(row, "called")).collect();
    let wanted: Vec<&str> = story.rows.iter().map(|row| row.0).collect();
    if called != wanted {
        return Err(format!("called was {called:?}, and not {wanted:?}").into());
    }
    for (row, (call, exit, words)) in rows.iter().zip(story.rows) {
        let said = format!("{}{}", text(row, "out"), text(row, "err"));
        let lacks = words.iter().find(|word| !said.contains(**word));
        if row["exit"].as_i64() != Some(*exit) || lacks.is_some() {
            return Err(format!("{call}: exit {}, not {exit}; lacks {lacks:?}:\n{said}", row["exit"]).into());
        }
        let panicked = said.contains("panicked") || said.contains('\u{1b}');
        if panicked {
            return Err(format!("{call}: {said}").into());
        }
    }
    Ok(())
}
