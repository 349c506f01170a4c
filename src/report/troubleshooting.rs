//! The page docs/troubleshooting.md: the questions that people ask, and below them each fault in the order in which a
//! build travels: how it shows, how to make sure, what mends it.

use super::explain::{Piece, advised};
use crate::check::{Check, Layer, Severity};
use crate::means::{Means, Need};
use crate::symptoms::{self, Paste, Row};
use crate::topics::Subject;
use std::fmt::Write;

/// What is answered before any fault, with the faults that it can be.
struct Question {
    asked: &'static str,
    answer: &'static str,
    see: &'static [&'static str],
}

const QUESTIONS: &[Question] = &[
    Question {
        asked: "Tests fail with \"builder not available\"",
        answer: "Nix found no machine that would take the build. Most often the VM does not run, or root's ssh cannot log in \
                 there; else the machines file does not offer the system or the feature, which is `nixos-test` for a NixOS \
                 test. `nix build nixpkgs#hello` for Linux proves nothing, as a cache has it.",
        see: &[
            "builder-service-not-loaded",
            "builder-service-disabled",
            "builder-crash-looping",
            "machines-feature-missing",
            "machines-system-not-offered",
            "ssh-key-missing",
            "ssh-login-refused",
        ],
    },
    Question {
        asked: "The VM won't start after a reboot",
        answer: "`launchctl unload -w` leaves a mark that survives reboots, so that launchd never starts the job again until \
                 it is enabled. A job switched off among the Login Items, one that was never loaded, and one whose program \
                 crashes look the same from afar.",
        see: &[
            "builder-service-disabled",
            "builder-login-item-disabled",
            "builder-service-not-loaded",
            "builder-crash-looping",
            "launchd-bootstrap-error-5",
            "port-31022-in-use",
        ],
    },
    Question {
        asked: "The first build is slow",
        answer: "The first NixOS test downloads or builds a whole Linux closure, gigabytes of it. It stays slow where the \
                 caches are not used: the daemon does not know or trust them, or the builder is not told to fetch for \
                 itself, so that all goes through the Mac.",
        see: &[
            "cache-untrusted-substituter",
            "cache-key-mismatch",
            "cache-unreachable",
            "builders-use-substitutes-off",
            "vm-still-booting",
        ],
    },
    Question {
        asked: "All builds are gone after a restart of the VM",
        answer: "An ephemeral VM (`nix.linux-builder.ephemeral`) starts with an empty disk each time. That is clean, and \
                 drops what it had fetched and built; results that were copied to the Mac stay there. A VM that is not \
                 ephemeral keeps its disk, until it is full.",
        see: &["vm-disk-full"],
    },
    Question {
        asked: "A test passes at once, and nothing runs",
        answer: "It passed before, and its result is in this machine's store, the builder's or a cache. `--rebuild` builds on \
                 this machine only, which fails for Linux; `builder-doctor tests FLAKE NAME --rerun` runs it anew.",
        see: &[],
    },
];

/// Lines of foreign output that a section shows at most.
const MOST_SYMPTOMS: usize = 3;
/// Commands that a section shows at most.
const MOST_COMMANDS: usize = 4;

/// The page, with a newline at its end.
pub fn page() -> String {
    let checks = crate::checks::all();
    let mut out = String::from(
        "# Troubleshooting\n\n\
         Made by `UPDATE_TROUBLESHOOTING=1 cargo test --test troubleshooting`, from the checks themselves.\n\n\
         `builder-doctor` looks at the machine and names the one cause; `builder-doctor --sudo` sees what only root can. \
         What Nix or ssh printed is explained by `nix build 2>&1 | builder-doctor explain -`. Below is each fault that it \
         knows, in the order in which a build travels. Numbers, addresses and store paths in the commands are an example's: a \
         report names yours.\n\n",
    );
    for question in QUESTIONS {
        let _ = writeln!(out, "## {}\n\n{}\n", question.asked, question.answer);
        let links: Vec<String> = question.see.iter().map(|id| format!("[{id}](#{id})")).collect();
        if !links.is_empty() {
            let _ = writeln!(out, "Look at {}.\n", crate::prose::and(&links));
        }
    }
    for layer in Layer::ALL {
        let here: Vec<&Check> = checks.iter().copied().filter(|check| check.layer == layer).collect();
        if here.is_empty() {
            continue;
        }
        let _ = writeln!(out, "## {}\n\n{}\n", heading(layer), contents(&here));
        for check in here {
            out.push_str(&section(check));
        }
    }
    out.truncate(out.trim_end().len());
    out.push('\n');
    out
}

fn heading(layer: Layer) -> &'static str {
    match layer {
        Layer::Host => "The Mac itself",
        Layer::Nix => "Nix on the Mac",
        Layer::Daemon => "The Nix daemon",
        Layer::Config => "Nix's settings",
        Layer::Machines => "The machines file",
        Layer::Service => "The builder's job, and its VM",
        Layer::Ssh => "ssh from root to the builder",
        Layer::Guest => "Inside the VM",
        Layer::Cache => "The binary caches",
        Layer::Build => "The build",
    }
}

fn contents(checks: &[&Check]) -> String {
    let links: Vec<String> = checks.iter().map(|check| format!("[{0}](#{0})", check.id)).collect();
    links.join(" · ")
}

fn section(check: &'static Check) -> String {
    let id = check.id;
    let mut out = format!(
        "### {id}\n\n{}; where not, that is {} {}.\n",
        check.title,
        article(check),
        check.severity.name()
    );
    let mut shown: Vec<String> = Vec::new();
    for words in symptoms::all().filter(|row| row.id == id).flat_map(telling) {
        if shown.len() < MOST_SYMPTOMS && !shown.contains(&words) {
            shown.push(words);
        }
    }
    if !shown.is_empty() {
        let quoted: Vec<String> = shown.iter().map(|words| code(words)).collect();
        let _ = writeln!(out, "\nIt prints: {}", quoted.join(" · "));
    }
    let root =
        crate::means::of(check).iter().any(|(means, need)| *means == Means::Root && *need != Need::Never);
    let sudo = if root { " --sudo" } else { "" };
    let deep = if crate::means::is_deep(check) { " --deep" } else { "" };
    let fix = if check.fixes.is_empty() { "" } else { " Mended by: `builder-doctor fix`." };
    let _ = writeln!(out, "\nTo make sure: `builder-doctor{deep}{sudo} --only {id}`.{fix}");
    // The last piece is for whoever has none of their own.
    if let Some(piece) = advised(Subject::Check(check)).pop() {
        out.push_str(&by_hand(&piece));
    }
    let _ = writeln!(out, "\nWhy, and for each kind of Nix: `builder-doctor explain {id}`.\n");
    out
}

fn article(check: &Check) -> &'static str {
    if check.severity == Severity::Error { "an" } else { "a" }
}

/// What a fault prints, by the words that name it.
fn telling(row: &'static Row) -> Vec<String> {
    if !row.any.is_empty() {
        return row.any.iter().map(|words| words.replace('*', "…")).collect();
    }
    let line = |text: &str| {
        let paste = Paste::new(text);
        let seen = row.shape.and_then(|shape| shape(&paste))?;
        Some(crate::prose::line(paste.line(seen.line).trim()))
    };
    row.samples.iter().filter_map(|sample| line(sample.text)).take(1).collect()
}

fn by_hand(piece: &Piece) -> String {
    let mut out = String::new();
    let caution = match piece.safety {
        "disruptive" => " (interrupts running builds)",
        "manual" => " (yours to decide)",
        _ => "",
    };
    if piece.commands.is_empty() {
        // What is only said is left to the page, but for its first words.
        let text = if piece.edit.is_empty() { &piece.note } else { &piece.edit };
        let first = text.lines().find(|line| !line.trim().is_empty()).unwrap_or_default();
        let _ = writeln!(out, "\nBy hand{caution}: {}", first.trim());
        return out;
    }
    let edit = if piece.edit.is_empty() { "" } else { ", after an edit that `explain` shows" };
    let _ = writeln!(out, "\nBy hand{edit}{caution}:\n\n```sh");
    for command in piece.commands.iter().take(MOST_COMMANDS) {
        let _ = writeln!(out, "{command}");
    }
    if piece.commands.len() > MOST_COMMANDS {
        out.push_str("# and more: explain\n");
    }
    out.push_str("```\n");
    out
}

/// In backticks, more of them than it holds.
fn code(text: &str) -> String {
    if text.contains('`') { format!("`` {text} ``") } else { format!("`{text}`") }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_question_leads_to_faults_that_there_are() {
        for id in QUESTIONS.iter().flat_map(|it| it.see) {
            assert!(crate::checks::find(id).is_some(), "{id}");
        }
    }

    #[test]
    fn every_fault_has_a_section_that_is_short() {
        let page = page();
        let mut at = 0;
        for check in crate::checks::all() {
            let heading = format!("\n### {}\n", check.id);
            // In the order in which a build travels.
            at +=
                page[at..].find(&heading).unwrap_or_else(|| panic!("{} is missing, or too early", check.id));
            let section = section(check);
            let lines = section.lines().filter(|line| !line.is_empty()).count();
            assert!(lines <= 15, "{}: {lines} lines", check.id);
            assert_eq!(section.matches("```").count() % 2, 0, "{section}");
            // No `{word}` is left that nothing filled; a command may hold braces of its own.
            let unfilled = section.split('{').skip(1).any(|rest| rest.starts_with(char::is_alphabetic));
            assert!(!unfilled, "{section}");
        }
    }
}
