//! What a check means: made from the check's own fields, its examples included.

use super::paint::Paint;
use crate::advice::illustrated;
use crate::check::{Check, Expect, Manager, Proof, Verdict};
use crate::evidence::healthy;
use crate::expectations::Expectations;
use std::fmt::Write;

/// The page of one check, with a newline at its end.
pub fn render(check: &Check, paint: Paint) -> String {
    let mut out = format!(
        "{} {}\n\n{}\n",
        paint.bold(check.id),
        paint.dim(&format!("({}, {})", check.severity.name(), check.layer.name())),
        paint.wrap(&format!("When all is well: {}.", check.title), "", "")
    );
    let _ = writeln!(out, "\n{}", paint.wrap(check.why, "", ""));
    let (e, want) = (healthy::evidence(), Expectations::default());
    let shown = |text: &str| illustrated(text, check, &e, &want);
    for (manager, advice) in check.remedy.all() {
        let whom = match manager {
            Manager::NixDarwin => "Where nix-darwin manages Nix",
            Manager::Determinate => "Where Determinate manages Nix",
            Manager::Nobody if check.remedy.nix_darwin.is_none() && check.remedy.determinate.is_none() => {
                "What to do"
            }
            Manager::Nobody => "Otherwise",
        };
        let _ = writeln!(out, "\n{} ({}):", paint.bold(whom), advice.safety.name());
        let _ = write!(out, "{}", prose(&shown(advice.edit), paint));
        let _ = writeln!(out);
        for command in advice.commands {
            let _ = writeln!(out, "    {}", shown(command));
        }
        let _ = write!(out, "{}", prose(&shown(advice.note), paint));
    }
    let proof = match check.disproved_by {
        Proof::Nothing => None,
        Proof::ABuild => Some("A test build that runs on any remote machine disproves it."),
        Proof::ABuildThere => Some("A test build that runs on the builder disproves it."),
        Proof::EveryBuild => Some("Test builds for every expected system and feature disprove it."),
    };
    let needs: Vec<&str> = check.needs.iter().map(|needed| needed.id).collect();
    if !needs.is_empty() {
        let _ = writeln!(
            out,
            "\n{}",
            paint.wrap(&format!("It can follow from {}.", crate::prose::and(&needs)), "", "")
        );
    }
    if let Some(proof) = proof {
        let _ = writeln!(out, "\n{}", paint.wrap(proof, "", ""));
    }
    let _ = writeln!(out, "\n{}", paint.bold("Examples"));
    out.push_str(&examples(check, paint));
    if !check.references.is_empty() {
        let _ = writeln!(out, "\n{}", paint.wrap(&format!("See {}.", check.references.join(", ")), "", ""));
    }
    out
}

fn prose(text: &str, paint: Paint) -> String {
    if text.is_empty() {
        return String::new();
    }
    let shown = text
        .lines()
        .map(|line| if line.starts_with("    ") { line.to_owned() } else { paint.wrap(line, "", "") });
    format!("\n{}\n", shown.collect::<Vec<_>>().join("\n"))
}

/// Each example with what the check answers, really judged.
fn examples(check: &Check, paint: Paint) -> String {
    let want = Expectations::default();
    let mut out = String::new();
    for example in check.examples {
        let mut evidence = healthy::evidence();
        (example.given)(&mut evidence);
        let verdict = (check.judge)(&evidence, &want).unwrap_or_else(Verdict::Unknown);
        let answer = match &verdict {
            Verdict::Pass(seen) => format!("passes: {seen}"),
            Verdict::Fail(finding) => format!("fails: {}; expected: {}", finding.seen, finding.expected),
            Verdict::Moot(why) => format!("does not apply: {why}"),
            Verdict::Unknown(missing) => format!("cannot be told: {missing}"),
        };
        let mark = match example.expect {
            Expect::Pass => "ok",
            Expect::Fail => "fail",
            Expect::Moot => "moot",
            Expect::Unknown => "unknown",
        };
        let text = format!("{}: it {answer}", example.name);
        let _ = writeln!(out, "{}", paint.wrap(&text, &format!("  {} ", paint.glyph(mark)), "    "));
    }
    out
}
