//! What a terminal shows: the program writes to a pseudo-terminal, and an emulator makes a screen of it.
//!
//! Update the screens with `INSTA_UPDATE=always cargo test --test screen`, and read the difference.
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::report::json::parse;
use builder_doctor::report::paint::Paint;
use builder_doctor::report::{Report, Timings, human};
use rustix::pty::{OpenptFlags, grantpt, openpt, ptsname, unlockpt};
use rustix::termios::{OptionalActions, Winsize, tcgetattr, tcsetattr, tcsetwinsize};
use std::fs::File;
use std::io::Read;
use std::num::NonZeroU16;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread::JoinHandle;
use support::Mac;
use support::states::{kinds, state};
use vt100::{Color, Parser, Screen};

/// What people have, and what people with a large screen have.
const WIDTHS: [u16; 2] = [80, 140];

/// More than any page has: nothing scrolls away.
const ROWS: u16 = 2000;

/// What is indented this far is to be pasted, and so is on one line, whatever the width.
const PASTED: &str = "    ";

/// A pseudo-terminal of so many columns.
struct Terminal {
    /// The program's end.
    theirs: File,
    written: JoinHandle<Vec<u8>>,
}

impl Terminal {
    fn new(columns: u16) -> Self {
        let ours = openpt(OpenptFlags::RDWR | OpenptFlags::NOCTTY).unwrap();
        grantpt(&ours).unwrap();
        unlockpt(&ours).unwrap();
        let name = ptsname(&ours, Vec::new()).unwrap();
        let theirs = File::options().read(true).write(true).open(name.to_str().unwrap()).unwrap();
        let written = std::thread::spawn(move || {
            let (mut ours, mut all, mut some) = (File::from(ours), Vec::new(), [0; 4096]);
            // Linux says by an error that the other end is closed.
            while let Ok(count @ 1..) = ours.read(&mut some) {
                all.extend_from_slice(&some[..count]);
            }
            all
        });
        let terminal = Terminal { theirs, written };
        // What no one types is not echoed.
        let mut modes = tcgetattr(&terminal.theirs).unwrap();
        modes.local_modes.remove(rustix::termios::LocalModes::ECHO);
        tcsetattr(&terminal.theirs, OptionalActions::Now, &modes).unwrap();
        terminal.resize(columns);
        terminal
    }

    fn resize(&self, columns: u16) {
        let size = Winsize { ws_row: 50, ws_col: columns, ws_xpixel: 0, ws_ypixel: 0 };
        tcsetwinsize(&self.theirs, size).unwrap();
    }

    /// An end for a child.
    fn end(&self) -> Stdio {
        self.theirs.try_clone().unwrap().into()
    }

    /// All that was written, after the program and whoever held its ends are gone.
    fn close(self) -> Vec<u8> {
        drop(self.theirs);
        self.written.join().unwrap()
    }
}

/// What a terminal of so many columns makes of these bytes.
fn screen(bytes: &[u8], columns: u16) -> Screen {
    let size = |number| NonZeroU16::new(number).unwrap();
    let mut parser = Parser::new(size(ROWS), size(columns), 0);
    parser.process(bytes);
    parser.screen().clone()
}

/// Its rows, without the empty ones at the end.
fn rows(screen: &Screen) -> Vec<String> {
    let mut rows: Vec<String> = screen.rows(0, screen.size().1.get()).collect();
    while rows.last().is_some_and(String::is_empty) {
        rows.pop();
    }
    rows
}

/// No row goes on in the next, but those that are to be pasted.
fn assert_nothing_is_wrapped(screen: &Screen, what: &str) {
    let rows = rows(screen);
    for (row, text) in (0..).zip(&rows) {
        let first = (0..row).rev().take_while(|above| screen.row_wrapped(*above)).last().unwrap_or(row);
        assert!(
            !screen.row_wrapped(row) || rows[usize::from(first)].starts_with(PASTED),
            "{what}: the terminal wraps {text:?}"
        );
    }
}

/// A run whose output goes to a terminal of so many columns, with these variables.
fn shown(mac: &Mac, args: &[&str], columns: u16, variables: &[(&str, &str)]) -> Vec<u8> {
    let terminal = Terminal::new(columns);
    let mut command = at_a_terminal(mac, args);
    command.envs(variables.iter().copied()).stdout(terminal.end());
    let ran = mac.launch(&mut command).end();
    drop(command);
    assert_eq!(ran.stderr, "", "{args:?}");
    terminal.close()
}

fn at_a_terminal(mac: &Mac, args: &[&str]) -> Command {
    let mut command = mac.command(args);
    command.env("TERM", "xterm-256color").env("LANG", "en_US.UTF-8");
    command
}

/// The machines of the screens: name, report, and how the first line begins.
fn machines() -> [(&'static str, Vec<u8>, &'static str); 5] {
    let begins = [
        "The Linux builder works.",
        "Linux builds are broken: launchd does not know",
        "Linux builds are broken: launchd does not know",
        "No fault was found, but ",
        "Linux builds are broken: no `nix` was found",
    ];
    let mut all = kinds().into_iter().zip(begins);
    std::array::from_fn(|_| all.next().map(|((name, report), begins)| (name, report, begins)).unwrap())
}

/// The screen of a saved machine.
fn screen_of(report: &[u8], columns: u16, variables: &[(&str, &str)]) -> Vec<u8> {
    let mac = Mac::new();
    let path = mac.write("report.json", report);
    shown(&mac, &["--from", path.to_str().unwrap()], columns, variables)
}

#[test]
fn each_report_begins_with_the_verdict_and_ends_with_the_next_step() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/screens"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for (name, report, verdict) in machines() {
            for columns in WIDTHS {
                let screen = screen(&screen_of(&report, columns, &[]), columns);
                let rows = rows(&screen);
                assert!(rows[0].starts_with(verdict), "{name}: {}", rows[0]);
                let paragraph = rows.iter().rposition(String::is_empty).unwrap() + 1;
                assert!(rows[paragraph].starts_with("Next: "), "{name}: {}", rows[paragraph]);
                assert_nothing_is_wrapped(&screen, name);
                insta::assert_snapshot!(format!("{name}-{columns}"), rows.join("\n"));
            }
        }
    });
}

#[test]
fn no_saved_machine_is_told_in_lines_that_a_terminal_wraps() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states"));
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let saved = parse(&std::fs::read(&path).unwrap()).unwrap();
        let (e, want) = (&saved.evidence, &saved.expectations);
        let diagnosis = diagnose(&checks::all(), e, want, &Selection::default());
        let report = Report::new(&diagnosis, e, want, Timings::default());
        use human::Detail::{Checks, Findings};
        for (columns, details) in
            [(64, &[Findings][..]), (80, &[Findings, Checks]), (140, &[Findings, Checks])]
        {
            for detail in details.iter().copied() {
                let paint = Paint { colour: true, ascii: false, width: usize::from(columns) };
                let text = human::render(&report, paint, detail).replace('\n', "\r\n");
                let screen = screen(text.as_bytes(), columns);
                // A word that is longer than a line stands alone.
                for (row, text) in (0..).zip(rows(&screen)) {
                    let names = ["seen ", "expected ", "at "].iter();
                    let words =
                        names.fold(text.trim(), |text, name| text.trim_start_matches(name).trim_start());
                    let alone = !words.contains(' ');
                    let above = row > 0 && screen.row_wrapped(row - 1);
                    assert!(
                        !screen.row_wrapped(row) || above || alone || text.starts_with(PASTED),
                        "{path:?} at {columns}: {text:?}"
                    );
                }
            }
        }
    }
}

/// What every letter of the screen looks like: red, green, yellow, dim; None where it is plain or bold.
fn looks(screen: &Screen, row: u16, word: &str) -> Vec<(Color, bool, bool)> {
    let text: String = (0..screen.size().1.get())
        .map(|column| screen.cell(row, column).unwrap().contents().chars().next().unwrap_or(' '))
        .collect();
    let from = text.chars().count() - text[text.find(word).unwrap()..].chars().count();
    let cells = (from..).take(word.chars().count());
    cells
        .map(|column| screen.cell(row, u16::try_from(column).unwrap()).unwrap())
        .map(|cell| (cell.fgcolor(), cell.bold(), cell.dim()))
        .collect()
}

/// The first row that holds this.
fn row_of(screen: &Screen, word: &str) -> u16 {
    let at = rows(screen).iter().position(|row| row.contains(word));
    u16::try_from(at.unwrap_or_else(|| panic!("no {word:?} in {:#?}", rows(screen)))).unwrap()
}

#[test]
fn colours_say_what_the_glyphs_say() {
    const RED: (Color, bool, bool) = (Color::Idx(1), true, false);
    const GREEN: (Color, bool, bool) = (Color::Idx(2), false, false);
    const YELLOW: (Color, bool, bool) = (Color::Idx(3), true, false);
    const DIM: (Color, bool, bool) = (Color::Default, false, true);
    const BOLD: (Color, bool, bool) = (Color::Default, true, false);
    const PLAIN: (Color, bool, bool) = (Color::Default, false, false);
    let of = |name: &str| screen(&screen_of(&state(name), 80, &[]), 80);
    let expected = [
        ("builder-service-not-loaded", "Linux builds are broken", RED),
        ("builder-service-not-loaded", "✓", GREEN),
        ("builder-service-not-loaded", "✗", RED),
        ("builder-service-not-loaded", "·", DIM),
        ("builder-service-not-loaded", "(error, service)", DIM),
        ("builder-service-not-loaded", "sudo launchctl bootstrap", BOLD),
        ("builder-service-not-loaded", "It explains", PLAIN),
        ("builder-service-not-loaded", "Next: on", PLAIN),
        ("machines-feature-missing", "^^^^", RED),
        ("builder-conflict", "Linux builds run, but", BOLD),
        ("builder-conflict", "!", YELLOW),
        ("healthy", "The Linux builder works.", BOLD),
    ];
    for (name, word, look) in expected {
        let screen = of(name);
        let found = looks(&screen, row_of(&screen, word), word);
        let odd = word.chars().zip(found).find(|(letter, found)| *letter != ' ' && *found != look);
        assert_eq!(odd, None, "{name}: {word} is to look like {look:?}");
    }
}

#[test]
fn nothing_of_an_escape_is_left_to_read() {
    for (name, report, _) in machines() {
        let bytes = screen_of(&report, 80, &[]);
        assert!(bytes.contains(&0x1b), "{name} has colours");
        let rows = rows(&screen(&bytes, 80));
        let odd = rows.iter().find(|row| row.contains("[0m") || row.contains("[1m"));
        assert_eq!(odd, None, "{name}");
    }
}

#[test]
fn without_colour_the_same_is_said() {
    for (name, report, _) in machines() {
        let coloured = rows(&screen(&screen_of(&report, 80, &[]), 80));
        for plain in [("NO_COLOR", "1"), ("TERM", "dumb")] {
            let bytes = screen_of(&report, 80, &[plain]);
            assert!(!bytes.contains(&0x1b), "{name} with {plain:?}");
            assert_eq!(rows(&screen(&bytes, 80)), coloured, "{name} with {plain:?}");
        }
    }
}

#[test]
fn a_terminal_that_does_not_know_its_size_has_80_columns() {
    let report = state("two-causes");
    let of = |columns| String::from_utf8(screen_of(&report, columns, &[])).unwrap();
    assert_eq!(of(0), of(80));
    assert_ne!(of(140), of(80));
    // As narrow as nobody has it: still all words.
    assert!(of(10).contains("Next:"));
}

#[test]
fn help_and_the_other_pages_fit_80_columns() {
    let mac = Mac::new();
    let mut pages: Vec<Vec<&str>> = vec![vec!["-h"], vec!["--help"], vec!["list"]];
    for topic in ["check", "list", "explain", "why"] {
        pages.push(vec![topic, "--help"]);
    }
    for id in ["ssh-key-too-open", "builder-crash-looping", "substituter-missing", "no-machine-takes-a-build"]
    {
        pages.push(vec!["explain", id]);
    }
    pages.push(vec!["explain", "--text", "error: unable to start any build; Permission denied (publickey)"]);
    pages.push(vec!["why", "--system", "aarch64-linux"]);
    pages.push(vec!["why", "--system", "aarch64-linux", "--features", "cuda,kvm"]);
    pages.push(vec!["--example", "two-causes", "-v"]);
    for page in pages {
        let screen = screen(&shown(&mac, &page, 80, &[]), 80);
        assert!(rows(&screen).len() > 2, "{page:?}: {:?}", rows(&screen));
        assert_nothing_is_wrapped(&screen, &page.join(" "));
    }
}

/// The test build takes so long that one wonders what it waits for.
const SLOW: &str = "sleep 2.5; printf \"error: no builder\\n\" >&2; exit 1";

#[test]
fn progress_is_shown_on_standard_error_and_leaves_nothing_behind() {
    for columns in [80, 30] {
        let mac = Mac::new();
        mac.nix("build", SLOW);
        let terminal = Terminal::new(columns);
        let mut command = at_a_terminal(&mac, &[]);
        let ran = mac.launch(command.stderr(terminal.end())).end();
        drop(command);
        let seen = terminal.close();
        assert!(String::from_utf8_lossy(&seen).contains("looking: "), "no progress at {columns} columns");
        assert_eq!(rows(&screen(&seen, columns)), [""; 0], "at {columns} columns");
        assert!(!ran.text().contains("looking: "), "the report is on standard output alone");
        assert!(ran.text().contains("\nNext: "), "{}", ran.text());
    }
}

#[test]
fn a_live_run_leaves_the_report_on_the_screen_alone() {
    let mac = Mac::new();
    mac.expect("40s");
    mac.nix("build", "while ! test -e \"$here/go\"; do sleep 0.1; done; echo error: no builder >&2; exit 1");
    let terminal = Terminal::new(140);
    let mut command = at_a_terminal(&mac, &[]);
    let running = mac.launch(command.stdout(terminal.end()).stderr(terminal.end()));
    drop(command);
    mac.wait_for_call(" build --no-link");
    // The window is made narrower meanwhile.
    terminal.resize(80);
    mac.write("go", "");
    running.end();
    let seen = terminal.close();
    let screen = screen(&seen, 80);
    let rows = rows(&screen);
    assert!(rows[0].starts_with("Linux builds are broken: "), "{rows:#?}");
    assert!(rows.iter().all(|row| !row.contains("looking: ")), "{rows:#?}");
    assert!(rows.iter().any(|row| row.starts_with("Next: ")), "{rows:#?}");
    assert_nothing_is_wrapped(&screen, "a live run");
}

#[test]
fn where_standard_error_is_no_terminal_there_is_no_progress() {
    let mac = Mac::new();
    mac.nix("build", SLOW);
    let bytes = shown(&mac, &[], 80, &[]);
    assert!(!String::from_utf8_lossy(&bytes).contains("looking: "));
}
