//! The version line: `nix --version`, `determinate-nixd`'s form, and the bare number of `nix store info`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Which Nix prints the line.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Implementation {
    /// `nix (Nix) …`
    Nix,
    /// `nix (Lix, like Nix) …`
    Lix,
    /// `nix (Determinate Nix …) …`
    Determinate,
    /// A bare number, or a name not known here.
    #[default]
    Unknown,
}

/// The three numbers of a release; for Determinate those of the Nix in it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Release {
    /// 2 in 2.34.7.
    pub major: u32,
    /// 34 in 2.34.7.
    pub minor: u32,
    /// 7 in 2.34.7; 0 where absent.
    pub patch: u32,
}

/// A version line of Nix.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct NixVersion {
    /// The line itself, trimmed.
    #[schemars(extend("x-kind" = "public"))]
    pub text: String,
    /// Who made it.
    pub implementation: Implementation,
    /// The release, where the line has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub release: Option<Release>,
    /// Whether it is built from between two releases (`2.31pre…`).
    #[serde(default)]
    pub pre: bool,
}

/// Lix left Nix after 2.18, and its numbers go their own way from 2.90 on.
const LIX_FORK: (u32, u32) = (2, 18);

impl NixVersion {
    /// Whether this has what Nix `major.minor` brought.
    ///
    /// None where the line has no release, and for a Lix where the question is about a Nix after their ways parted.
    pub fn at_least(&self, major: u32, minor: u32) -> Option<bool> {
        let release = self.release?;
        if self.may_be_lix() {
            return ((major, minor) <= LIX_FORK).then_some(true);
        }
        Some((release.major, release.minor) >= (major, minor))
    }

    /// `nix store info` gives a bare number, so there only the number tells a Lix.
    fn may_be_lix(&self) -> bool {
        match self.implementation {
            Implementation::Lix => true,
            Implementation::Unknown => self.release.is_some_and(|r| r.major == 2 && r.minor >= 90),
            Implementation::Nix | Implementation::Determinate => false,
        }
    }
}

/// The version in `text`; None where no line has one.
pub fn parse_version(text: &str) -> Option<NixVersion> {
    let text = super::text::clean(text);
    let lines = || text.lines().map(str::trim);
    let line = lines().find(|l| is_named(l)).or_else(|| lines().find(|l| is_bare(l)))?;
    let implementation = implementation(line);
    let (release, pre) = number(line).map_or((None, false), |(r, pre)| (Some(r), pre));
    Some(NixVersion { text: super::text::cut(line, 200), implementation, release, pre })
}

fn is_named(line: &str) -> bool {
    line.starts_with("nix (") || line.starts_with("nix-env (") || line.starts_with("Determinate Nix ")
}

fn is_bare(line: &str) -> bool {
    !line.contains(char::is_whitespace) && release(line).is_some()
}

fn implementation(line: &str) -> Implementation {
    if line.contains("(Lix") {
        Implementation::Lix
    } else if line.contains("Determinate Nix") {
        Implementation::Determinate
    } else if line.contains("(Nix)") {
        Implementation::Nix
    } else {
        Implementation::Unknown
    }
}

/// The number of the Nix: inside `(Nix …)` where Determinate's own comes first, otherwise the last word.
fn number(line: &str) -> Option<(Release, bool)> {
    let inner = line.strip_prefix("Determinate Nix ").and_then(|l| l.split_once("(Nix "));
    match inner {
        Some((_, rest)) => release(rest.trim_end_matches(')')),
        None if line.starts_with("Determinate Nix ") => None,
        None => release(line.rsplit(' ').next()?),
    }
}

/// `2.34.7+1`, `2.31pre20250712_abc`, `2.94.0-dev-pre20251001-f1ef994`.
fn release(word: &str) -> Option<(Release, bool)> {
    let (major, rest) = leading_number(word)?;
    let (minor, rest) = leading_number(rest.strip_prefix('.')?)?;
    let (patch, rest) = rest.strip_prefix('.').and_then(leading_number).unwrap_or((0, rest));
    let ends = rest.is_empty() || rest.starts_with(['+', '-', '_', 'p']);
    ends.then(|| (Release { major, minor, patch }, rest.contains("pre")))
}

fn leading_number(text: &str) -> Option<(u32, &str)> {
    let end = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (digits, rest) = text.split_at(end);
    Some((digits.parse().ok()?, rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    type Sample = (&'static str, Implementation, (u32, u32, u32), bool);

    /// Catalogue 11.9 (the first, third and fifth); the others are the forms that the brief names.
    const SAMPLES: [Sample; 8] = [
        ("nix (Nix) 2.34.7+1", Implementation::Nix, (2, 34, 7), false),
        ("nix (Nix) 2.31pre20250712_abc", Implementation::Nix, (2, 31, 0), true),
        (
            "nix (Lix, like Nix) 2.94.0-dev-pre20251001-f1ef994\nSystem type: aarch64-darwin\n",
            Implementation::Lix,
            (2, 94, 0),
            true,
        ),
        ("nix (Determinate Nix 3.22.2) 2.35.2", Implementation::Determinate, (2, 35, 2), false),
        ("Determinate Nix 3.22.2 (Nix 2.35.2)", Implementation::Determinate, (2, 35, 2), false),
        ("2.34.8", Implementation::Unknown, (2, 34, 8), false),
        ("nix (Nix) 2.18.1", Implementation::Nix, (2, 18, 1), false),
        (
            "warning: unknown setting 'foo'\n\u{1b}[1mnix (Nix) 2.34.8\u{1b}[0m\n",
            Implementation::Nix,
            (2, 34, 8),
            false,
        ),
    ];

    #[test]
    fn samples() {
        for (text, implementation, (major, minor, patch), pre) in SAMPLES {
            let v = parse_version(text).unwrap();
            let release = Some(Release { major, minor, patch });
            assert_eq!((v.implementation, v.release, v.pre), (implementation, release, pre), "{text}");
        }
    }

    #[test]
    fn comparisons() {
        let at = |text: &str, minor| parse_version(text).unwrap().at_least(2, minor);
        assert_eq!(at("nix (Nix) 2.34.7+1", 30), Some(true));
        assert_eq!(at("nix (Nix) 2.31pre20250712_abc", 31), Some(true));
        assert_eq!(at("nix (Nix) 2.18.1", 30), Some(false));
        assert_eq!(at("nix (Determinate Nix 3.22.2) 2.29.2", 30), Some(false));
        assert_eq!(at("nix (Lix, like Nix) 2.94.0", 30), None);
        assert_eq!(at("nix (Lix, like Nix) 2.94.0", 18), Some(true));
        assert_eq!(at("2.94.0", 30), None);
    }

    #[test]
    fn no_version() {
        for text in ["", "zsh: command not found: nix", "nix", "99999999999999.1", "2.", "1.2.3.4"] {
            assert_eq!(parse_version(text).and_then(|v| v.release), None, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..60, i in 0usize..8) {
            parse_version(&text);
            let mut sample: Vec<char> = SAMPLES[i].0.chars().collect();
            sample.splice(at.min(sample.len()).., text.chars());
            if let Some(v) = parse_version(&sample.into_iter().collect::<String>()) {
                v.at_least(2, 30);
            }
        }
    }
}
