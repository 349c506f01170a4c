//! What is about the terminal: printing, colours, width, progress, signals, sudo's question.
#![allow(clippy::disallowed_methods)] // the terminal is ours to ask, and no evidence

use builder_doctor::evidence::{Progress, RootAccess};
use builder_doctor::host::live::Live;
use builder_doctor::host::{Cancel, Host, path};
use builder_doctor::report::paint::Paint;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use std::io::{self, ErrorKind, IsTerminal, Write};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

/// The exit code of a run that was interrupted, as shells have it.
pub const INTERRUPTED: u8 = 130;

/// Prints on standard output. A reader that has gone away wanted no more, which is no error.
pub fn print(text: &str) -> io::Result<()> {
    let mut out = io::stdout().lock();
    match out.write_all(text.as_bytes()).and_then(|()| out.flush()) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        ended => ended,
    }
}

/// Whether somebody reads what is printed, at a terminal.
pub fn is_watched() -> bool {
    io::stdout().is_terminal()
}

/// One line on standard error.
pub fn complain(error: &str) {
    let lines: Vec<String> = error.lines().map(builder_doctor::prose::line).collect();
    let _ = writeln!(io::stderr(), "builder-doctor: {}", lines.join("\n"));
}

/// What is being done, on standard error.
pub fn note(line: &str) {
    let _ = writeln!(io::stderr(), "  {}", builder_doctor::prose::line(line));
}

/// A line of another program's, on standard error, fit to be shown.
pub fn pass_on(line: &str) {
    let _ = writeln!(io::stderr(), "{line}");
}

/// Lines on standard error, each with the time since the wait began.
pub fn tell(since: &str, lines: &[String]) {
    for line in lines {
        let _ = writeln!(io::stderr(), "{since:>7}  {line}");
    }
}

/// Text of several lines on standard error, so that it never gets into the report.
pub fn tell_beside(text: &str) {
    let _ = io::stderr().write_all(text.as_bytes());
}

/// Which token stands for what, on standard error, so that it never gets into the report.
pub fn show_redactions(all: &[builder_doctor::redact::Redaction]) {
    let mut err = io::stderr();
    if all.is_empty() {
        let _ = writeln!(err, "nothing was replaced");
    }
    for it in all {
        let times = if it.count == 1 { "once".to_owned() } else { format!("{} times", it.count) };
        let _ = writeln!(err, "{} stands for {}, {times}", it.token, builder_doctor::prose::line(&it.value));
    }
}

/// Raises the flag at the first signal, and ends at once at the second.
pub fn heed_signals(interrupted: &Arc<Cancel>) -> Result<(), String> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| format!("signals: {error}"))?;
    let interrupted = Arc::clone(interrupted);
    std::thread::spawn(move || {
        for _ in &mut signals {
            if interrupted.reason().is_some() {
                builder_doctor::host::end_all();
                std::process::exit(i32::from(INTERRUPTED));
            }
            interrupted.cancel("interrupted");
        }
    });
    Ok(())
}

/// Raises the flag at the first signal, and goes on whatever comes: what was begun is to be taken back in peace.
pub fn heed_signals_and_go_on(interrupted: &Arc<Cancel>) -> Result<(), String> {
    let mut signals = Signals::new([SIGINT, SIGTERM, SIGHUP]).map_err(|error| format!("signals: {error}"))?;
    let interrupted = Arc::clone(interrupted);
    std::thread::spawn(move || signals.forever().for_each(|_| interrupted.cancel("interrupted")));
    Ok(())
}

/// Raises the flag when standard input ends: whoever called us is gone, or wants us to end.
pub fn heed_end_of_input(interrupted: &Arc<Cancel>) {
    let interrupted = Arc::clone(interrupted);
    std::thread::spawn(move || {
        let _ = io::copy(&mut io::stdin().lock(), &mut io::sink());
        interrupted.cancel("the caller is gone");
    });
}

/// Whether we are root.
pub fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

/// How root may look, where `--sudo` was typed or not.
pub fn root_access(sudo: bool) -> Result<RootAccess, String> {
    if is_root() {
        return Ok(RootAccess::Already);
    }
    if sudo {
        ask_for_sudo("one look as root, which changes nothing", "without --sudo the rest can still be told")?;
    }
    Ok(if sudo { RootAccess::Sudo } else { RootAccess::No })
}

/// Lets sudo ask for the password where there is somebody to answer; elsewhere it must not ask.
pub fn ask_for_sudo(what_for: &str, otherwise: &str) -> Result<(), String> {
    if !(io::stdin().is_terminal() && io::stderr().is_terminal()) {
        return Ok(());
    }
    let _ = writeln!(io::stderr(), "builder-doctor: {what_for}:");
    match Command::new("sudo").arg("--validate").env("PATH", &path::of_caller().path).status() {
        Ok(status) if status.success() => Ok(()),
        Ok(_) => Err(format!("sudo was refused; {otherwise}")),
        Err(error) => Err(format!("sudo: {error}")),
    }
}

/// Whether there is somebody to ask: a keyboard, and a screen to ask on.
pub fn can_ask() -> bool {
    io::stdin().is_terminal() && io::stdout().is_terminal()
}

/// What is typed on the next line, without its end; None at the end of the input, or when the run is interrupted.
pub fn answer(question: &str, interrupted: &Cancel) -> Option<String> {
    let _ = print(question);
    let (sender, line) = std::sync::mpsc::channel();
    // A thread that is left behind where nobody answers: a signal does not wake who reads from a terminal.
    std::thread::spawn(move || {
        let mut line = String::new();
        if matches!(io::stdin().read_line(&mut line), Ok(1..)) {
            let _ = sender.send(line.trim().to_owned());
        }
    });
    loop {
        match line.recv_timeout(Duration::from_millis(50)) {
            Ok(line) => return Some(line),
            Err(std::sync::mpsc::RecvTimeoutError::Timeout) if interrupted.reason().is_none() => {}
            Err(_) => {
                // The cursor stands behind the question.
                let _ = print("\n");
                return None;
            }
        }
    }
}

/// The lines of standard input as they come. Its end raises the flag: whoever called us is gone, or wants us to end.
pub fn lines(interrupted: &Arc<Cancel>) -> std::sync::mpsc::Receiver<String> {
    let (sender, lines) = std::sync::mpsc::channel();
    let interrupted = Arc::clone(interrupted);
    std::thread::spawn(move || {
        for line in io::stdin().lines() {
            if line.map_or(true, |line| sender.send(line).is_err()) {
                break;
            }
        }
        interrupted.cancel("the caller is gone");
    });
    lines
}

/// Says what is waited for, where standard input is a keyboard.
pub fn ask_for_a_paste() {
    if io::stdin().is_terminal() && io::stderr().is_terminal() {
        let _ = writeln!(io::stderr(), "builder-doctor: paste the output; Ctrl-D on a new line ends it");
    }
}

/// What standard output can show.
pub fn paint() -> Paint {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let forced = std::env::var_os("CLICOLOR_FORCE").is_some_and(|value| !value.is_empty() && value != "0");
    let dumb = std::env::var_os("TERM").is_some_and(|value| value == "dumb");
    let terminal = io::stdout().is_terminal();
    let columns = rustix::termios::tcgetwinsize(io::stdout()).map_or(0, |size| usize::from(size.ws_col));
    Paint {
        colour: !set("NO_COLOR") && (forced || (terminal && !dumb)),
        ascii: !speaks_utf8(),
        width: if terminal && columns > 0 { columns } else { 80 },
    }
}

/// A locale that is set and is not UTF-8 gets ASCII; where none is set, as on many Macs, UTF-8 is right.
fn speaks_utf8() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var_os(name).filter(|value| !value.is_empty()))
        .map(|value| value.to_string_lossy().to_ascii_lowercase());
    locale.is_none_or(|locale| locale.contains("utf-8") || locale.contains("utf8"))
}

/// Says how many reports are judged on standard error until `over`, if that is a terminal.
pub fn show_count(host: &Live, judged: &AtomicUsize, over: &Cancel) {
    show(host, over, || Some(format!("{} reports judged", judged.load(Ordering::Relaxed))));
}

/// Names the slowest probe on standard error until `over`, if that is a terminal.
pub fn show_progress(host: &Live, progress: &Progress, over: &Cancel) {
    show(host, over, || {
        let (done, all) = progress.done();
        let (name, since) = progress.slowest()?;
        let waited = host.clock().saturating_sub(since).as_secs();
        Some(format!("looking: {done} of {all} facts, waiting for {name} ({waited} s)"))
    });
}

/// Keeps one line of standard error up to date until `over`, if that is a terminal, and then wipes it out.
fn show(host: &Live, over: &Cancel, line: impl Fn() -> Option<String>) {
    let dumb = std::env::var_os("TERM").is_none_or(|value| value == "dumb");
    if !io::stderr().is_terminal() || dumb {
        return;
    }
    // A line that the terminal wraps could not be wiped out again.
    let columns = rustix::termios::tcgetwinsize(io::stderr()).map_or(80, |size| usize::from(size.ws_col));
    let room = if columns > 0 { columns - 1 } else { 79 };
    let mut shown = String::new();
    let started = host.clock();
    while over.reason().is_none() {
        // Short enough that the end of a run does not wait for it.
        std::thread::sleep(Duration::from_millis(15));
        if host.clock().saturating_sub(started) < Duration::from_millis(400) {
            continue;
        }
        let Some(line) = line() else { continue };
        let line: String = line.chars().take(room).collect();
        if line != shown {
            let _ = write!(io::stderr(), "\r\x1b[K{line}");
            shown = line;
        }
    }
    if !shown.is_empty() {
        let _ = write!(io::stderr(), "\r\x1b[K");
    }
}
