//! Breakages that came with one version and went with another: a table of data, dated.toml, and whether a
//! row of it fits what is known of a machine.

use serde::Deserialize;
use std::cmp::Ordering;
use std::sync::OnceLock;

/// One row of the table. What is left out is no condition.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields, rename_all = "kebab-case")]
pub struct Breakage {
    /// The check that names it; several rows may share one.
    pub id: String,
    /// What is wrong, as one line without its dot.
    pub says: String,
    /// `YYYY-MM`: the month of the first public report.
    pub known_since: String,
    /// QEMU's versions.
    #[serde(default)]
    pub qemu: Range,
    /// nixpkgs' releases (`26.11`) or the days of its commits (`20260825`).
    #[serde(default)]
    pub nixpkgs: Range,
    /// macOS's versions.
    #[serde(default)]
    pub macos: Range,
    /// Nix's versions.
    #[serde(default)]
    pub nix: Range,
    /// One of these is a word of the processor's name.
    #[serde(default)]
    pub processor: Vec<String>,
    /// One of these is the Mac's system, such as `x86_64-darwin`.
    #[serde(default)]
    pub platform: Vec<String>,
    /// Words of a log or a crash report that settle it.
    #[serde(default)]
    pub signs: Vec<String>,
    /// What mended it, where that is known: `owner/repo#number` or a URL.
    pub fixed_by: Option<String>,
    /// Public reports, as `owner/repo#number` or a URL.
    pub references: Vec<String>,
}

/// Versions from one on, and before another.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Range {
    /// The first one in the range.
    pub from: Option<String>,
    /// The first one after it.
    pub before: Option<String>,
}

/// What is known of a machine; None is not known.
#[derive(Clone, Copy, Debug, Default)]
#[allow(missing_docs)]
pub struct Known<'a> {
    pub qemu: Option<&'a str>,
    /// `25.11.20251010.abcdef`, or less of it.
    pub nixpkgs: Option<&'a str>,
    pub macos: Option<&'a str>,
    pub nix: Option<(u64, u64)>,
    /// The processor's name.
    pub processor: Option<&'a str>,
    /// Such as `aarch64-darwin`.
    pub platform: Option<&'a str>,
}

/// Whether a row is about a machine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fit {
    /// Every condition holds.
    Applies,
    /// A condition does not hold: what is so instead, a fragment.
    DoesNot(String),
    /// No condition is known not to hold, and this is not known: a fragment.
    Unknown(String),
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Table {
    breakage: Vec<Breakage>,
}

/// The whole table.
pub fn all() -> &'static [Breakage] {
    static TABLE: OnceLock<Table> = OnceLock::new();
    // A test parses the built-in text.
    let read = || {
        toml::from_str(include_str!("dated.toml")).unwrap_or_else(|error| unreachable!("dated.toml: {error}"))
    };
    &TABLE.get_or_init(read).breakage
}

/// The rows of this check, in the table's order.
pub fn rows(id: &str) -> impl Iterator<Item = &'static Breakage> {
    all().iter().filter(move |row| row.id == id)
}

/// The first row of this check, which has one: a test compares table and registry.
pub fn row(id: &str) -> &'static Breakage {
    rows(id).next().unwrap_or_else(|| unreachable!("dated.toml has no row for {id}"))
}

impl Breakage {
    /// Whether this row is about a machine of which this is known.
    pub fn fits(&self, known: &Known) -> Fit {
        let nix = known.nix.map(|(major, minor)| format!("{major}.{minor}"));
        let tests = [
            self.platform_fits(known.platform),
            self.processor_fits(known.processor),
            self.qemu.fits("QEMU", known.qemu.map(|it| vec![it])),
            self.nixpkgs.fits("nixpkgs", known.nixpkgs.map(nixpkgs)),
            self.macos.fits("macOS", known.macos.map(|it| vec![it])),
            self.nix.fits("Nix", nix.as_deref().map(|it| vec![it])),
        ];
        let first = |wanted: fn(&Fit) -> bool| tests.iter().find(|fit| wanted(fit)).cloned();
        first(|fit| matches!(fit, Fit::DoesNot(_)))
            .or_else(|| first(|fit| matches!(fit, Fit::Unknown(_))))
            .unwrap_or(Fit::Applies)
    }

    fn platform_fits(&self, platform: Option<&str>) -> Fit {
        match platform {
            _ if self.platform.is_empty() => Fit::Applies,
            Some(it) if self.platform.iter().any(|word| word == it) => Fit::Applies,
            Some(it) => Fit::DoesNot(format!("this is {it}")),
            None => Fit::Unknown("the Mac's system is not known".to_owned()),
        }
    }

    fn processor_fits(&self, processor: Option<&str>) -> Fit {
        match processor {
            _ if self.processor.is_empty() => Fit::Applies,
            Some(it) if it.split_whitespace().any(|word| self.processor.iter().any(|is| is == word)) => {
                Fit::Applies
            }
            Some(it) => Fit::DoesNot(format!("the processor is {it}")),
            None => Fit::Unknown("the processor is not known".to_owned()),
        }
    }
}

impl Range {
    /// `versions` are the ways in which one thing counts; the bound says by its form which of them it means.
    fn fits(&self, what: &str, versions: Option<Vec<&str>>) -> Fit {
        let mut unknown = None;
        let bounds = [(&self.from, Ordering::Less, false), (&self.before, Ordering::Less, true)];
        for (bound, order, wanted) in bounds {
            let Some(bound) = bound else { continue };
            let Some(versions) = &versions else {
                return Fit::Unknown(format!("{what}'s version is not known"));
            };
            let same_form = |it: &&&str| is_day(it) == is_day(bound);
            let compared = versions.iter().find(same_form).and_then(|it| compare(it, bound));
            match compared {
                Some(is) if (is == order) != wanted => {
                    return Fit::DoesNot(format!("{what} is {}", versions.join(" of ")));
                }
                Some(_) => {}
                None => unknown = Some(format!("{what}'s version cannot be compared with {bound}")),
            }
        }
        unknown.map_or(Fit::Applies, Fit::Unknown)
    }
}

/// `20260825`, and no release.
fn is_day(text: &str) -> bool {
    text.len() == 8 && text.starts_with("20") && text.bytes().all(|c| c.is_ascii_digit())
}

/// nixpkgs' release and the day of its commit, of a label such as `25.11.20251010.abcdef` or
/// `26.05pre-git`, as far as it has them.
fn nixpkgs(label: &str) -> Vec<&str> {
    let mut found = Vec::new();
    let release = label.find('.').map(|dot| {
        let rest = &label[dot + 1..];
        let digits = rest.bytes().take_while(u8::is_ascii_digit).count();
        &label[..dot + 1 + digits]
    });
    found.extend(release.filter(|it| numbers(it).is_some_and(|it| it.len() == 2)));
    // A commit's hash comes behind it, and may look like a day as well.
    found.extend(label.split(|c: char| !c.is_ascii_digit()).find(|part| is_day(part)));
    found
}

/// `11.0.2`, `2.31pre20250712_abc`: the numbers before the first thing that is none.
fn numbers(version: &str) -> Option<Vec<u64>> {
    let end = version.find(|c: char| c != '.' && !c.is_ascii_digit()).unwrap_or(version.len());
    let mut found = version[..end]
        .split('.')
        .filter(|part| !part.is_empty())
        .map(|part| part.parse().ok())
        .collect::<Option<Vec<u64>>>()?;
    if found.is_empty() {
        return None;
    }
    // 11 and 11.0 are one version.
    while found.len() > 2 && found.last() == Some(&0) {
        found.pop();
    }
    if found.len() == 1 && !is_day(version) {
        found.push(0);
    }
    Some(found)
}

fn compare(version: &str, bound: &str) -> Option<Ordering> {
    Some(numbers(version)?.cmp(&numbers(bound)?))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn breakage(conditions: &str) -> Breakage {
        let text =
            format!("id = 'x'\nsays = 'x'\nknown-since = '2026-01'\nreferences = ['a/b#1']\n{conditions}");
        toml::from_str(&text).unwrap()
    }

    #[test]
    fn every_row_is_whole_and_its_check_is_there() {
        for row in all() {
            let id = &row.id;
            assert!(crate::checks::find(id).is_some(), "{id} is no check");
            assert!(!row.says.is_empty() && !row.says.ends_with('.') && row.says.len() <= 120, "{id}");
            let since = row.known_since.split_once('-').map(|(y, m)| (y.parse::<u32>(), m.parse::<u32>()));
            assert!(
                matches!(since, Some((Ok(2020..=2100), Ok(1..=12)))) && row.known_since.len() == 7,
                "{id}"
            );
            let sources = row.references.iter().chain(&row.fixed_by);
            assert!(!row.references.is_empty(), "{id} rests on nothing");
            for source in sources {
                assert!(source.starts_with("https://") || source.contains('#'), "{id}: {source}");
            }
            let ranges = [&row.qemu, &row.nixpkgs, &row.macos, &row.nix];
            for range in ranges {
                for bound in range.from.iter().chain(&range.before) {
                    assert!(numbers(bound).is_some(), "{id}: {bound}");
                }
                if let (Some(from), Some(before)) = (&range.from, &range.before) {
                    assert_eq!(compare(from, before), Some(Ordering::Less), "{id}: an empty range");
                }
            }
            let bounded = ranges.iter().any(|it| it.from.is_some() || it.before.is_some());
            assert!(bounded || !row.processor.is_empty() || !row.platform.is_empty(), "{id} always fits");
        }
    }

    #[test]
    fn a_condition_that_fails_outranks_one_that_is_not_known() {
        let row = breakage("qemu = { from = '11.0', before = '11.1' }\nprocessor = ['M4', 'M5']");
        let known = Known { qemu: Some("11.0.1"), processor: Some("Apple M4 Pro"), ..Known::default() };
        assert_eq!(row.fits(&known), Fit::Applies);
        let other = Known { processor: Some("Apple M3 Pro"), qemu: None, ..known };
        assert_eq!(row.fits(&other), Fit::DoesNot("the processor is Apple M3 Pro".to_owned()));
        let unknown = Known { processor: None, ..known };
        assert_eq!(row.fits(&unknown), Fit::Unknown("the processor is not known".to_owned()));
    }

    #[test]
    fn from_is_in_and_before_is_out() {
        let row = breakage("qemu = { from = '11.0', before = '11.1' }");
        for (version, expected) in [
            ("10.2.9", false),
            ("11", true),
            ("11.0.0", true),
            ("11.0.2", true),
            ("11.1.0", false),
            ("11.10.0", false),
        ] {
            let fit = row.fits(&Known { qemu: Some(version), ..Known::default() });
            assert_eq!(fit == Fit::Applies, expected, "{version}: {fit:?}");
        }
        assert!(matches!(row.fits(&Known { qemu: Some("git"), ..Known::default() }), Fit::Unknown(_)));
    }

    #[test]
    fn nixpkgs_is_compared_by_release_or_by_day() {
        let by_day = breakage("nixpkgs = { from = '20260825', before = '20260915' }");
        let by_release = breakage("nixpkgs = { from = '25.11' }");
        let fits = |row: &Breakage, label: &str| match row
            .fits(&Known { nixpkgs: Some(label), ..Known::default() })
        {
            Fit::Applies => Some(true),
            Fit::DoesNot(_) => Some(false),
            Fit::Unknown(_) => None,
        };
        assert_eq!(fits(&by_day, "26.11.20260901.abcdef0"), Some(true));
        assert_eq!(fits(&by_day, "26.11pre20260901.abcdef0"), Some(true));
        assert_eq!(fits(&by_day, "26.11.20260915.abcdef0"), Some(false));
        assert_eq!(fits(&by_day, "26.05pre-git"), None);
        assert_eq!(fits(&by_release, "26.05pre-git"), Some(true));
        assert_eq!(fits(&by_release, "25.11.20251010.abcdef0"), Some(true));
        assert_eq!(fits(&by_release, "25.05.20251010.abcdef0"), Some(false));
        assert_eq!(fits(&by_release, "dirty"), None);
    }

    #[test]
    fn two_numbers_of_nix_and_the_platforms_own_name() {
        let row = breakage("nix = { before = '2.31' }\nplatform = ['x86_64-darwin']");
        let known = Known { nix: Some((2, 30)), platform: Some("x86_64-darwin"), ..Known::default() };
        assert_eq!(row.fits(&known), Fit::Applies);
        assert!(matches!(row.fits(&Known { nix: Some((2, 31)), ..known }), Fit::DoesNot(_)));
        assert!(matches!(row.fits(&Known { platform: Some("aarch64-darwin"), ..known }), Fit::DoesNot(_)));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*") {
            for row in all() {
                let known = Known { qemu: Some(&text), nixpkgs: Some(&text), macos: Some(&text),
                    processor: Some(&text), platform: Some(&text), nix: Some((u64::MAX, 0)) };
                row.fits(&known);
            }
        }
    }
}
