//! Four commands by the names that they had before: what is typed after such a name, as what it means.

use std::ffi::{OsStr, OsString};
use std::path::Path;

/// The name by which the program calls itself.
const OWN: &str = "builder-doctor";

/// A name, and the words that it stands for.
const NAMES: &[(&str, &[&str])] = &[
    ("setup-darwin-linux-builder", &["setup"]),
    ("verify-darwin-linux-builder", &["check", DEEP]),
    ("start-linux-builder", &["start"]),
    ("stop-linux-builder", &["stop"]),
];

/// What the verification does besides, unless something is asked of it that excludes this, or it is typed anyway.
const DEEP: &str = "--deep";
const NOT_DEEP: &[&str] = &["--deep", "--quick", "--from", "--example", "--fix"];

/// What the program asks of itself as root. It may call itself by the name by which it was called.
const HIDDEN: &[&str] = &[
    builder_doctor::evidence::root_view::HIDDEN_COMMAND,
    builder_doctor::builder::control::HIDDEN_COMMAND,
    crate::by_root::HIDDEN_COMMAND,
];

/// The words of a call, the first of which is the name that the program was called by.
pub fn meant(words: impl IntoIterator<Item = OsString>) -> Vec<OsString> {
    let mut words = words.into_iter();
    let called = words.next().unwrap_or_else(|| OWN.into());
    let typed: Vec<OsString> = words.collect();
    let name = Path::new(&called).file_name().unwrap_or_default();
    let hidden = typed.first().is_some_and(|word| HIDDEN.iter().any(|it| word == *it));
    let Some((_, stands_for)) = NAMES.iter().find(|(known, _)| name == *known && !hidden) else {
        return [called].into_iter().chain(typed).collect();
    };
    let mut meant = vec![OsString::from(OWN)];
    // The version is that of the whole program.
    if !matches!(&typed[..], [one] if one == "--version" || one == "-V") {
        let shallow = typed.iter().any(|word| NOT_DEEP.iter().any(|option| is_option(word, option)));
        let stands_for = stands_for.iter().filter(|word| !(shallow && **word == DEEP));
        meant.extend(stands_for.map(OsString::from));
    }
    meant.extend(typed);
    meant
}

/// Whether a word is this option, with or without a value.
fn is_option(word: &OsStr, option: &str) -> bool {
    let rest = word.as_encoded_bytes().strip_prefix(option.as_bytes());
    rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(b"="))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::Cli;
    use clap::CommandFactory;
    use std::collections::BTreeSet;

    fn words(call: &str) -> String {
        let meant = meant(call.split(' ').map(OsString::from));
        meant.iter().map(|word| word.to_str().unwrap()).collect::<Vec<_>>().join(" ")
    }

    #[test]
    fn each_name_stands_for_its_words_and_takes_the_same_flags() {
        for (call, meant) in [
            ("setup-darwin-linux-builder --dry-run", "builder-doctor setup --dry-run"),
            ("verify-darwin-linux-builder", "builder-doctor check --deep"),
            (
                "/run/current-system/sw/bin/verify-darwin-linux-builder --json",
                "builder-doctor check --deep --json",
            ),
            ("start-linux-builder --for 2h", "builder-doctor start --for 2h"),
            ("./stop-linux-builder --when-idle", "builder-doctor stop --when-idle"),
            ("stop-linux-builder --help", "builder-doctor stop --help"),
        ] {
            assert_eq!(words(call), meant);
        }
    }

    #[test]
    fn any_other_name_stands_for_nothing() {
        for call in
            ["builder-doctor", "/nix/store/x/bin/builder-doctor check", "doctor --quick", "check --deep"]
        {
            assert_eq!(words(call), call);
        }
        assert_eq!(meant([]), ["builder-doctor"]);
    }

    #[test]
    fn what_it_asks_of_itself_keeps_its_meaning() {
        for hidden in HIDDEN {
            let call = format!("/usr/local/bin/verify-darwin-linux-builder {hidden} {{}}");
            assert_eq!(words(&call), call);
        }
    }

    #[test]
    fn the_version_is_that_of_the_program() {
        for (name, _) in NAMES {
            assert_eq!(words(&format!("{name} --version")), "builder-doctor --version");
            assert_eq!(words(&format!("{name} -V")), "builder-doctor -V");
        }
    }

    #[test]
    fn the_verification_is_deep_unless_something_else_is_asked() {
        for option in
            ["--quick", "--deep", "--from=report.json", "--from report.json", "--example", "--fix --yes"]
        {
            let call = format!("verify-darwin-linux-builder {option}");
            assert_eq!(words(&call), format!("builder-doctor check {option}"));
        }
        let call = words("verify-darwin-linux-builder --fixed --output --quick.txt");
        assert_eq!(call, "builder-doctor check --deep --fixed --output --quick.txt");
    }

    #[test]
    fn what_excludes_a_deep_look_is_known() {
        let all = Cli::command();
        let check = all.find_subcommand("check").unwrap();
        let deep = check.get_arguments().find(|it| it.get_id() == "deep").unwrap();
        let excluded = check
            .get_arguments()
            .filter(|it| check.get_arg_conflicts_with(it).contains(&deep))
            .chain([deep])
            .filter_map(|it| it.get_long());
        let known = NOT_DEEP.iter().map(|it| it.trim_start_matches("--"));
        assert_eq!(excluded.collect::<BTreeSet<_>>(), known.collect::<BTreeSet<_>>());
    }
}
