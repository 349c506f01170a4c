//! What `setup` says: its plan in words, and how it ended.

use super::paint::Paint;
use crate::builder::setup::ground::BACKUP;
use crate::prose::{and, span};
use std::fmt::Write;

/// A plan in words, before anything is built.
#[derive(Debug)]
pub struct Words<'a> {
    /// The configuration, as it would be typed.
    pub flake: &'a str,
    /// The one with a VM that needs no Linux builder, if there is one.
    pub bootstrap: Option<&'a str>,
    /// Files that are known to stand in the way already.
    pub files: &'a [String],
    /// How long the VM may take to come up.
    pub wait_seconds: u64,
}

impl Words<'_> {
    /// With a newline at its end.
    pub fn render(&self, paint: Paint) -> String {
        let mut out =
            paint.wrap(&format!("Set this Mac up with a Linux builder, from {}:", self.flake), "", "");
        out.push('\n');
        let mut number = 0;
        let mut step = |text: &str| {
            number += 1;
            let _ = write!(out, "\n{}", paint.wrap(text, &format!("  {number}. "), "     "));
        };
        step("build that configuration; nothing is touched until it is built");
        if let Some(bootstrap) = self.bootstrap {
            step(&format!(
                "where its VM could only be built by a Linux builder: set up {bootstrap} first, whose VM a binary \
                 cache has, by steps 3 to 6, and build it there"
            ));
        }
        let known = match self.files {
            [] => "files of nobody's that nix-darwin writes".to_owned(),
            some => and(&some.iter().map(String::as_str).collect::<Vec<_>>()),
        };
        step(&format!(
            "as root, set {known} aside, each as itself with {BACKUP} at its end; an older backup stays as it is"
        ));
        step(
            "as root, activate the configuration, as `darwin-rebuild switch` does, which ends Nix builds that run",
        );
        step(&format!("wait until the VM answers, {} at most", span(self.wait_seconds)));
        step("make a test build that really runs on it");
        out.push_str("\n\n");
        if self.files.iter().any(|path| path == "/etc/nix/nix.conf") {
            let note = "Settings of your own in /etc/nix/nix.conf no longer count then: carry them over to \
                        /etc/nix/nix.custom.conf, or to the configuration.";
            let _ = writeln!(out, "{}\n", paint.wrap(note, "", ""));
        }
        let promise = "Where a step fails, or you press Ctrl-C, all is put back as it is now; \
                       `builder-doctor undo` does that later.";
        let _ = writeln!(out, "{}", paint.wrap(promise, "", ""));
        out
    }
}

/// A set-up that was verified, with a newline at its end: what shows it, the commands there are, and the way back.
pub fn done(flake: &str, shown_by: &str, commands: &[&str], numbers: &[u32], paint: Paint) -> String {
    let mut out = paint.wrap(&format!("Set up and verified: {flake}; {shown_by}."), "", "");
    out.push('\n');
    if !commands.is_empty() {
        let text = format!("A new shell finds {}. In this one:", and(commands));
        let _ = write!(
            out,
            "\n{}\n    export PATH=/run/current-system/sw/bin:$PATH\n",
            paint.wrap(&text, "", "")
        );
    }
    let undo: Vec<String> =
        numbers.iter().rev().map(|number| format!("    builder-doctor undo {number}\n")).collect();
    let _ = write!(out, "\nTo take it back:\n{}", undo.concat());
    out
}
