//! What holds for every check, quantified over the registry: none of these changes for the next check.
#![allow(clippy::disallowed_methods)] // compares the registry with the folder

use super::*;
use crate::check::{Expect, Layer, Severity, Verdict};
use crate::diagnosis::{Selection, State, diagnose};
use crate::evidence::{Evidence, healthy};
use crate::expectations::Expectations;
use crate::report::{explain, paint::Paint};
use std::collections::BTreeSet;
use std::path::Path;

fn folder() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/src/checks"))
}

fn judged(check: &Check, e: &Evidence) -> Verdict {
    (check.judge)(e, &Expectations::default()).unwrap_or_else(Verdict::Unknown)
}

#[test]
fn every_file_is_registered_under_its_name() {
    let mut files = BTreeSet::new();
    for layer in Layer::ALL {
        for entry in std::fs::read_dir(folder().join(layer.name())).unwrap() {
            let name = entry.unwrap().file_name().into_string().unwrap();
            if let Some(stem) = name.strip_suffix(".rs").filter(|stem| *stem != "mod") {
                files.insert((layer.name(), stem.replace('_', "-")));
            }
        }
    }
    for entry in std::fs::read_dir(folder().join("preflight")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if let Some(stem) = name.strip_suffix(".rs").filter(|stem| *stem != "mod") {
            let id = stem.replace('_', "-");
            assert!(preflight::OWN.iter().any(|it| it.id == id), "add {id} to OWN in preflight/mod.rs");
        }
    }
    let registered: BTreeSet<_> = all().iter().map(|it| (it.layer.name(), it.id.to_owned())).collect();
    let forgotten: Vec<_> = files.difference(&registered).collect();
    assert!(
        forgotten.is_empty(),
        "add to CHECKS in the layer's mod.rs, with this id and layer: {forgotten:?}"
    );
    let without: Vec<_> = registered.difference(&files).collect();
    assert!(without.is_empty(), "the file's name must be the id, in the folder of the layer: {without:?}");
    assert_eq!(all().len(), registered.len(), "an id is used twice");
}

#[test]
fn every_check_comes_after_what_it_needs_and_layers_are_in_order() {
    let all = all();
    for (i, check) in all.iter().enumerate() {
        for needed in check.needs {
            let at = all.iter().position(|it| it == needed);
            assert!(
                at.is_some_and(|at| at < i),
                "{} needs {}, which must come before it",
                check.id,
                needed.id
            );
        }
    }
    assert!(all.windows(2).all(|pair| pair[0].layer <= pair[1].layer));
}

#[test]
fn on_empty_evidence_every_check_answers_unknown() {
    for check in every() {
        let verdict = judged(check, &Evidence::default());
        assert!(matches!(verdict, Verdict::Unknown(_)), "{}: {verdict:?}", check.id);
    }
}

#[test]
fn the_healthy_machine_raises_no_alarm() {
    for hide in [healthy::hide_root_view, healthy::hide_builds, |_: &mut Evidence| {}] {
        let mut e = healthy::evidence();
        hide(&mut e);
        let diagnosis = diagnose(&all(), &e, &Expectations::default(), &Selection::default());
        let alarms: Vec<_> =
            diagnosis.findings().map(|(judged, finding, _)| (judged.check.id, &finding.seen)).collect();
        assert!(alarms.is_empty(), "{alarms:?}");
        assert_eq!((diagnosis.state, diagnosis.exit_code()), (State::Healthy, 0));
    }
}

#[test]
fn every_example_is_met() {
    for check in every() {
        for example in check.examples {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            let verdict = judged(check, &e);
            assert!(example.expect.met(&verdict), "{}, {}: {verdict:?}", check.id, example.name);
        }
    }
}

#[test]
fn every_check_has_an_example_that_fails_and_one_that_passes() {
    for check in every() {
        let has = |expect| check.examples.iter().any(|example| example.expect == expect);
        assert!(has(Expect::Fail) && has(Expect::Pass), "{} lacks one", check.id);
    }
}

#[test]
fn every_check_that_can_be_moot_says_when() {
    let elsewhere: [fn(&mut Evidence); 2] = [healthy::no_builder, healthy::on_linux];
    for check in every() {
        let moot = elsewhere.iter().any(|change| {
            let mut e = healthy::evidence();
            change(&mut e);
            matches!(judged(check, &e), Verdict::Moot(_))
        });
        let says = check.examples.iter().any(|example| example.expect == Expect::Moot);
        assert!(says || !moot, "{} lacks an example of what it does not apply to", check.id);
    }
}

#[test]
fn an_example_of_failing_is_seen_by_the_diagnosis() {
    // Where a proof is given the failure is a note; examples of failing give none that disproves them.
    for check in all() {
        for example in check.examples.iter().filter(|example| example.expect == Expect::Fail) {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            let diagnosis = diagnose(&all(), &e, &Expectations::default(), &Selection::default());
            let found = diagnosis.findings().find(|(judged, ..)| judged.check.id == check.id);
            let severity = found
                .map(|(judged, finding, _)| (judged.severity, finding.severity.unwrap_or(check.severity)));
            let as_said = severity.is_some_and(|(shown, said)| shown == said);
            assert!(as_said, "{}, {}: {severity:?}", check.id, example.name);
        }
    }
}

/// An example of failing is a machine with one fault: that is the first finding, and nothing else is a cause.
#[test]
fn an_example_of_failing_is_the_one_cause() {
    let mut wrong = Vec::new();
    for check in all().into_iter().filter(|check| check.severity > Severity::Note) {
        for example in check.examples.iter().filter(|example| example.expect == Expect::Fail) {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            let diagnosis = diagnose(&all(), &e, &Expectations::default(), &Selection::default());
            let found = diagnosis.findings().find(|(judged, ..)| judged.check.id == check.id);
            // A case that is not worth more than a note is nobody's cause.
            if found.is_some_and(|(judged, ..)| judged.severity == Severity::Note) {
                continue;
            }
            let causes: Vec<&str> = diagnosis.causes().map(|(judged, _)| judged.check.id).collect();
            if causes != [check.id] {
                wrong.push(format!("{}, {}: the causes are {causes:?}", check.id, example.name));
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

/// A test build has no inputs and needs no room: what only greater builds need, it has not tried.
const BEYOND: &[&str] = &["vm-disk-full", "store-untrusted-by-guest"];

/// What was done outranks what was inferred: whatever else a machine looks like, where test builds for every
/// expected system and feature have just run on the builder, nothing on their way is an error.
#[test]
fn no_error_is_on_a_way_that_the_test_builds_have_travelled() {
    let healthy = healthy::evidence();
    let mut wrong = Vec::new();
    for check in all() {
        for example in check.examples {
            let mut e = healthy.clone();
            (example.given)(&mut e);
            // The builds of the healthy machine ran on the machine that it declares.
            e.machines = healthy.machines.clone();
            e.builds = healthy.builds.clone();
            let diagnosis = diagnose(&all(), &e, &Expectations::default(), &Selection::default());
            for (judged, finding, _) in diagnosis.findings() {
                let way = judged.check.layer != Layer::Cache && !BEYOND.contains(&judged.check.id);
                if way && judged.severity == Severity::Error {
                    let (id, name) = (check.id, example.name);
                    wrong.push(format!("{id}, {name}: {}: {}", judged.check.id, finding.seen));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn the_words_read_as_they_should() {
    for check in every() {
        let id = check.id;
        assert!(id.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-'), "{id}");
        assert!(!check.title.ends_with('.') && check.title.len() <= 80, "{id}: {}", check.title);
        assert!(check.why.ends_with('.'), "{id}: why ends with a dot");
        assert!(!check.references.is_empty(), "{id} rests on nothing");
        let texts =
            [check.title, check.why].into_iter().chain(check.remedy.all().map(|(_, advice)| advice.note));
        for text in texts {
            for word in ["should", "please", "!", "simply"] {
                assert!(!text.to_lowercase().contains(word), "{id}: {word:?} in {text:?}");
            }
        }
        for (_, advice) in check.remedy.all() {
            assert!(!advice.commands.is_empty(), "{id}: a remedy begins with a command");
            assert!(advice.commands.iter().all(|it| !it.contains('\n') && !it.starts_with('$')), "{id}");
        }
        if check.severity == Severity::Note {
            assert!(check.remedy.all().all(|(_, it)| it.safety == crate::check::Safety::Manual), "{id}");
        }
    }
}

/// A command in a sentence stands between backticks, so that no line breaks within it.
#[test]
fn a_command_in_prose_is_marked() {
    let mut texts: Vec<(&str, &str)> = Vec::new();
    for check in every() {
        texts.push((check.id, check.why));
        texts.extend(check.remedy.all().flat_map(|(_, it)| [it.edit, it.note]).map(|text| (check.id, text)));
    }
    for topic in crate::topics::ALL {
        texts.extend([topic.why, topic.advice.edit, topic.advice.note].map(|text| (topic.id, text)));
    }
    let begins = [
        "sudo ",
        "launchctl kick",
        "launchctl boot",
        "launchctl print",
        "darwin-rebuild switch",
        "nix run ",
        "nix store ",
        "nix build ",
        "ssh -",
    ];
    for (id, text) in texts {
        for line in text.lines().filter(|line| !line.starts_with("    ")) {
            let outside: String = line.split('`').step_by(2).collect();
            // Our own option.
            let outside = outside.replace("--sudo", "");
            let bare = begins.iter().find(|begin| outside.contains(**begin));
            assert!(bare.is_none(), "{id}: put backticks around the command in {line:?}");
        }
    }
}

/// Advice that is seen in public and does harm (section 10 of the catalogue of public reports): each row in the
/// words by which it would be given, and why it is not.
const HARMFUL: &[(&str, &[&str])] = &[
    (
        "root's ssh ignores a key that others can read",
        &["chmod 644 /etc/nix/builder", "chmod 644 {key}", "chmod * /etc/nix/builder_ed25519"],
    ),
    (
        "an empty `builders` turns every machine off",
        &["builders = \"\"", "builders ''", "builders \"\"", "builders = ;"],
    ),
    (
        "Nix then runs Linux programs on the Mac",
        &["extra-platforms * aarch64-linux", "extra-platforms * x86_64-linux"],
    ),
    ("an option of NixOS, which only the VM's configuration has", &["boot.binfmt"]),
    ("it hits other VMs, and can damage the disk image", &["pkill", "killall", "kill -9"]),
    (
        "it hides whoever listens at the builder's port",
        &["StrictHostKeyChecking", "UserKnownHostsFile=/dev/null"],
    ),
    ("launchd starts it again, or never again", &["launchctl stop", "launchctl unload", "unload -w"]),
    ("no setting of Nix", &["distributed-builds"]),
    ("it comes from a cache", &["-linux nixpkgs#hello", "nixpkgs#hello --system"]),
    ("Determinate's daemon has another label", &["system/org.nixos.nix-daemon"]),
    ("only the shell's hook is gone after an update of macOS", &["reinstall"]),
];

/// What a text may hold although it is in the table: a mode that is right, and the VM's own configuration.
fn is_meant_well(harm: &str, line: &str) -> bool {
    match harm {
        "chmod * /etc/nix/builder_ed25519" => line.contains("chmod 600 ") || line.contains(".pub"),
        "boot.binfmt" => ["linux-builder.config", "VM", "NixOS", "guest"].iter().any(|it| line.contains(it)),
        _ => false,
    }
}

/// The first harm of a text. A command, and an indented line, which is to be pasted, may never hold one;
/// a sentence may warn of one, and says so by a negation.
fn harm_in(text: &str) -> Option<String> {
    let holds = |text: &str, harm: &str| {
        let mut rest = Some(text);
        for part in harm.split(" * ") {
            rest = rest.and_then(|text| text.split_once(part).map(|(_, rest)| rest));
        }
        rest.is_some()
    };
    let warns = |sentence: &str| {
        let lower = format!(" {} ", sentence.to_lowercase());
        let negations =
            ["never", "not ", "n't ", "cannot", " no ", "nothing", "without ", "instead of", "none "];
        let harms = ["break", "fail", "refuse", "ignore", "disable", "wrong", "by mistake", "turns off"];
        negations.iter().chain(&harms).any(|word| lower.contains(word))
    };
    // Configuration may be nested over several lines.
    let of_the_vm = text.contains("linux-builder.config");
    for line in text.lines() {
        let pasted = line.starts_with("    ");
        let sentences: Vec<&str> = if pasted { vec![line] } else { line.split(". ").collect() };
        for sentence in sentences {
            for (why, harms) in HARMFUL {
                for harm in *harms {
                    let meant_well = is_meant_well(harm, sentence) || (*harm == "boot.binfmt" && of_the_vm);
                    if holds(sentence, harm) && !meant_well && (pasted || !warns(sentence)) {
                        return Some(format!("{sentence:?} advises {harm:?}: {why}"));
                    }
                }
            }
        }
    }
    None
}

#[test]
fn no_remedy_and_no_explanation_gives_advice_that_does_harm() {
    let advices = |advice: &crate::check::Advice| {
        let commands = advice.commands.iter().map(|command| format!("    {command}"));
        commands.chain([advice.edit.to_owned(), advice.note.to_owned()]).collect::<Vec<_>>()
    };
    let mut texts: Vec<(&str, String)> = Vec::new();
    for check in every() {
        texts.push((check.id, check.why.to_owned()));
        texts.extend(check.remedy.all().flat_map(|(_, it)| advices(it)).map(|text| (check.id, text)));
    }
    for topic in crate::topics::ALL {
        texts.push((topic.id, topic.why.to_owned()));
        texts.extend(advices(&topic.advice).into_iter().map(|text| (topic.id, text)));
    }
    texts.extend(crate::symptoms::all().map(|row| (row.id, row.look_at.to_owned())));
    let harmful: Vec<String> =
        texts.iter().filter_map(|(id, text)| Some(format!("{id}: {}", harm_in(text)?))).collect();
    assert!(harmful.is_empty(), "{harmful:#?}");
}

/// The test above can fail: it knows each row as it is given in public, and lets its warning pass.
#[test]
fn harm_is_told_from_a_warning_of_it() {
    for advice in [
        "    sudo chmod 644 /etc/nix/builder_ed25519",
        "    sudo chmod 0640 /etc/nix/builder_ed25519",
        "    nix.settings.builders = \"\";",
        "    extra-platforms = aarch64-linux",
        "    nix.settings.extra-platforms = [ \"x86_64-linux\" ];",
        "    boot.binfmt.emulatedSystems = [ \"x86_64-linux\" ];",
        "    pkill -9 -f qemu",
        "    ssh -o StrictHostKeyChecking=no linux-builder",
        "    sudo launchctl stop org.nixos.linux-builder",
        "    sudo launchctl unload -w /Library/LaunchDaemons/org.nixos.linux-builder.plist",
        "    distributed-builds = true",
        "    nix build --system aarch64-linux nixpkgs#hello",
        "    sudo launchctl kickstart -k system/org.nixos.nix-daemon",
        "After an update of macOS, reinstall Nix.",
        "Set StrictHostKeyChecking to accept-new.",
        "Never run it. To stop the VM, pkill QEMU.",
    ] {
        assert!(harm_in(advice).is_some(), "{advice}");
    }
    for harmless in [
        "    sudo chmod 600 /etc/nix/builder_ed25519",
        "    nix.linux-builder.config.boot.binfmt.emulatedSystems = [ \"x86_64-linux\" ];",
        "    nix.linux-builder.config = {\n      boot.binfmt.emulatedSystems = [ \"x86_64-linux\" ];\n    };",
        "    nix config show extra-platforms",
        "    nix.settings.extra-platforms = [ \"x86_64-darwin\" ];",
        "    sudo launchctl kickstart -k system/{daemon-label}",
        "Do not set StrictHostKeyChecking: it hides whoever listens at the port.",
        "A line such as extra-platforms = aarch64-linux breaks every Linux build on the Mac.",
        "Reinstalling Nix is not needed.",
    ] {
        assert_eq!(harm_in(harmless), None, "{harmless}");
    }
}

#[test]
fn every_word_in_braces_is_filled() {
    for check in every() {
        for example in check.examples.iter().filter(|example| example.expect == Expect::Fail) {
            for manager in [None, Some("/nix/var/determinate"), Some("")] {
                let mut e = healthy::evidence();
                (example.given)(&mut e);
                if let (Some(path), crate::evidence::Probe::Seen { fact, .. }) = (manager, &mut e.managers) {
                    fact.nix_darwin = None;
                    fact.determinate = (!path.is_empty()).then(|| path.to_owned());
                }
                let Verdict::Fail(finding) = judged(check, &e) else { continue };
                let done = crate::advice::prescribe(check, &finding, &e, &Expectations::default());
                for text in done.commands.iter().chain([&done.edit, &done.note]) {
                    let left = text.match_indices('{').find(|(at, _)| {
                        let inner = text[at + 1..].split('}').next().unwrap_or_default();
                        !inner.is_empty() && inner.chars().all(|c| c.is_ascii_lowercase() || c == '-')
                    });
                    assert!(left.is_none(), "{}, {}: {text}", check.id, example.name);
                }
            }
        }
    }
}

/// Update with `INSTA_UPDATE=always cargo test`, and read the difference before committing it.
#[test]
fn each_check_is_explained_as_its_snapshot_says() {
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/checks"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| {
        for check in every() {
            insta::assert_snapshot!(check.id, explain::render(check, Paint::PLAIN));
        }
    });
}

#[test]
fn no_snapshot_is_left_of_a_check_that_is_gone() {
    let snapshots = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/checks"));
    for entry in std::fs::read_dir(snapshots).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        let id = name.trim_end_matches(".snap.new").trim_end_matches(".snap");
        assert!(find(id).is_some(), "remove snapshots/checks/{name}");
    }
}

/// Before a set-up, too, an example of failing is a machine with one fault.
#[test]
fn an_example_of_failing_before_a_set_up_is_found() {
    for check in preflight::OWN {
        for example in check.examples.iter().filter(|example| example.expect == Expect::Fail) {
            let mut e = healthy::evidence();
            (example.given)(&mut e);
            let diagnosis =
                diagnose(&preflight::checks(), &e, &Expectations::default(), &Selection::default());
            let found: Vec<_> = diagnosis.findings().map(|(judged, ..)| judged.check.id).collect();
            assert!(found.contains(&check.id), "{}, {}: {found:?}", check.id, example.name);
            let causes: Vec<_> = diagnosis.causes().map(|(judged, _)| judged.check.id).collect();
            let expected: &[&str] = if check.severity == Severity::Note { &[] } else { &[check.id] };
            assert_eq!(causes, expected, "{}", example.name);
        }
    }
}

#[test]
fn a_mac_with_nix_alone_can_be_set_up() {
    let mut e = healthy::evidence();
    preflight::bare(&mut e);
    let diagnosis = diagnose(&preflight::checks(), &e, &Expectations::default(), &Selection::default());
    let found: Vec<_> = diagnosis.findings().map(|(judged, ..)| judged.check.id).collect();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(diagnosis.state, State::Healthy);
}
