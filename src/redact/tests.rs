use super::*;
use crate::checks;
use crate::diagnosis::{Selection, diagnose};
use crate::evidence::Probe;
use crate::evidence::healthy::{evidence, set_machines};
use crate::report::{Report, Timings, human, json, paint::Paint};

/// What a judgement comes to, without its words.
fn judged(e: &Evidence, want: &Expectations) -> Vec<String> {
    let diagnosis = diagnose(&checks::all(), e, want, &Selection::default());
    let report = Report::new(&diagnosis, e, want, Timings::default());
    let checks = report.checks.iter().map(|it| format!("{} {} {:?}", it.id, it.status, it.because_of));
    let found = report.findings.iter().map(|it| format!("{} {} {}", it.id, it.severity, it.role));
    let chain = report.chain.iter().map(|it| format!("{} {}", it.layer, it.state));
    checks.chain(found).chain(chain).chain([format!("{} {}", report.verdict, report.exit_code)]).collect()
}

fn redacted(e: &Evidence, want: &Expectations) -> Evidence {
    redact(e, want, &Secrets::default()).unwrap().0
}

fn same(name: &str, e: &Evidence, want: &Expectations) {
    let (before, after) = (judged(e, want), judged(&redacted(e, want), want));
    let differ: Vec<_> = before.iter().zip(&after).filter(|(a, b)| a != b).collect();
    assert!(differ.is_empty() && before.len() == after.len(), "{name}: {differ:?}");
}

#[test]
#[allow(clippy::disallowed_methods)] // reads the saved machines
fn saved_machines_are_judged_the_same() {
    let mut seen = 0;
    for entry in std::fs::read_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/states")).unwrap() {
        let path = entry.unwrap().path();
        let saved = json::parse(&std::fs::read(&path).unwrap()).unwrap();
        same(&path.display().to_string(), &saved.evidence, &saved.expectations);
        let once = redacted(&saved.evidence, &saved.expectations);
        assert!(once == redacted(&once, &saved.expectations), "{}: not the same twice", path.display());
        seen += 1;
    }
    assert!(seen > 50);
}

#[test]
fn the_examples_of_all_checks_are_judged_the_same() {
    for check in checks::every() {
        for example in check.examples {
            let mut e = evidence();
            let want = Expectations::default();
            (example.given)(&mut e);
            let word = |e: &Evidence| match (check.judge)(e, &want) {
                Ok(crate::check::Verdict::Pass(_)) => "pass",
                Ok(crate::check::Verdict::Fail(_)) => "fail",
                Ok(crate::check::Verdict::Moot(_)) => "moot",
                Ok(crate::check::Verdict::Unknown(_)) | Err(_) => "unknown",
            };
            assert_eq!(word(&e), word(&redacted(&e, &want)), "{}: {}", check.id, example.name);
        }
    }
}

const LINE: &str =
    "ssh-ng://alice@build7.corp.example aarch64-linux,bogus /Users/alice/.ssh/id_ed25519 4 x kvm -";

fn of_alice() -> Evidence {
    let mut e = evidence();
    set_machines(&mut e, LINE);
    e
}

#[test]
fn the_same_value_has_the_same_token_everywhere_and_carets_stay() {
    let e = of_alice();
    let out = serde_json::to_value(redacted(&e, &Expectations::default())).unwrap();
    let text = out.to_string();
    assert!(!text.contains("alice") && !text.contains("corp.example"), "{text}");
    let shown = "ssh-ng://<user-1>@<host-1> aarch64-linux,bogus /Users/<user-1>/.ssh/id_ed25519 4 x kvm -";
    assert!(text.contains(shown), "{text}");
    let before = serde_json::to_value(&e).unwrap();
    let mut carets = 0;
    under_carets(&before, &out, &mut carets);
    assert!(carets > 0);
}

/// Each caret stands under what was there, or its token.
fn under_carets(before: &Value, after: &Value, seen: &mut usize) {
    let word = |it: &Value| {
        let column = usize::try_from(it["column"].as_u64()?).ok()?;
        let rest: String = it["text"].as_str()?.chars().skip(column - 1).collect();
        Some(rest.split([' ', ',']).next().unwrap_or("").to_owned())
    };
    if let (Some(was), Some(is)) = (word(before), word(after)) {
        let was = was.replace("alice", "<user-1>").replace("build7.corp.example", "<host-1>");
        assert_eq!(was, is);
        *seen += 1;
    }
    match (before, after) {
        (Value::Array(a), Value::Array(b)) => a.iter().zip(b).for_each(|(a, b)| under_carets(a, b, seen)),
        (Value::Object(a), Value::Object(b)) => {
            a.iter().zip(b).for_each(|((_, a), (_, b))| under_carets(a, b, seen));
        }
        _ => {}
    }
}

#[test]
fn a_comment_in_an_encoded_host_key_is_replaced_too() {
    use base64::Engine;
    let code = base64::engine::general_purpose::STANDARD;
    let mut e = evidence();
    let key =
        code.encode("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMwV4BkBnwwfitncudNxQkMCS2YUPnBZ3haA alice@macbook");
    set_machines(&mut e, &format!("ssh-ng://alice@macbook aarch64-linux /k 4 1 - - {key}"));
    let text = serde_json::to_string(&redacted(&e, &Expectations::default())).unwrap();
    assert!(!text.contains(&key));
    let comment = code
        .encode("ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIMwV4BkBnwwfitncudNxQkMCS2YUPnBZ3haA <user-1>@<host-1>");
    assert!(text.contains(&comment), "{text}");
}

/// Every string of the evidence that is none of the schema's words, changed.
fn in_each(value: &mut Value, spot: &Spot, change: &impl Fn(&str, Kind) -> String, count: &mut usize) {
    match value {
        Value::String(text) => {
            if let Some(kind) = spot.kind_of(text) {
                *text = if spot.is_address() { "203.0.113.7".to_owned() } else { change(text, kind) };
                *count += 1;
            }
        }
        Value::Array(all) => {
            all.iter_mut().enumerate().for_each(|(i, it)| in_each(it, &spot.item(i), change, count));
        }
        Value::Object(all) => {
            all.iter_mut().for_each(|(key, it)| in_each(it, &spot.key(key), change, count));
        }
        _ => {}
    }
}

fn planted(change: impl Fn(&str, Kind) -> String) -> Evidence {
    let mut value = serde_json::to_value(of_alice()).unwrap();
    let mut count = 0;
    in_each(&mut value, &Spot::top(kind::schema()), &change, &mut count);
    assert!(count > 100, "{count}");
    serde_json::from_value(value).unwrap()
}

fn formats(e: &Evidence, want: &Expectations) -> [String; 2] {
    let diagnosis = diagnose(&checks::all(), e, want, &Selection::default());
    let report = Report::new(&diagnosis, e, want, Timings::default());
    [json::render(&report), human::render(&report, Paint::PLAIN, human::Detail::Probes)]
}

#[test]
fn a_secret_planted_in_every_string_comes_out_of_no_format() {
    let want = Expectations::default();
    for secret in [
        "ghp_zq7Secret0123456789",
        "github_pat_zq7Secret01234",
        "glpat-zq7Secret01234567",
        "https://bob:zq7Secret@cache.example/x",
        "access-tokens = github.com=zq7Secret",
        "Authorization: Bearer zq7Secret01234",
        "https://x.example/?password=zq7Secret",
    ] {
        let e = planted(|text, _| format!("{text} {secret}"));
        for text in formats(&without_any_secret(&e).unwrap(), &want) {
            assert!(!text.contains("zq7Secret"), "{secret}: {text}");
        }
        for text in formats(&redacted(&e, &want), &want) {
            assert!(!text.contains("zq7Secret"), "{secret}: {text}");
        }
    }
}

#[test]
fn names_planted_in_every_string_come_out_of_no_format() {
    let want = Expectations::default();
    let e = planted(|text, kind| match kind {
        Kind::UserName => "zquser".to_owned(),
        Kind::HostName => "zqhost.corp.example".to_owned(),
        Kind::IpAddress => "203.0.113.7".to_owned(),
        Kind::Url => "https://zqcache.corp.example/nix".to_owned(),
        Kind::Path => "/Users/zquser/x".to_owned(),
        _ => format!("{text} zquser@zqhost.corp.example /home/zqother/x 203.0.113.7:22 [2001:db8::7]"),
    });
    for text in formats(&redacted(&e, &want), &want) {
        for name in ["zquser", "zqhost", "zqcache", "zqother", "203.0.113", "2001:db8"] {
            assert!(!text.contains(name), "{name}: {text}");
        }
    }
}

fn owner(user: &str) -> Secrets {
    Secrets::new(Some(user), Some(&format!("/Users/{user}")), Some("mbp-of-zoe.local"), &["s3cretToken"])
}

#[test]
fn names_that_are_words_of_ours_cause_no_false_refusal() {
    let want = Expectations::default();
    for user in ["nix", "host", "build", "a", "admin", "user", "root", "alice"] {
        let mut e = evidence();
        set_machines(&mut e, &LINE.replace("alice", user));
        let (shown, _) = redact(&e, &want, &owner(user)).unwrap();
        let [text, _] = formats(&shown, &want);
        assert_eq!(survivor(&shown, &want, &text, &owner(user), true), None, "{user}");
        let private = !is_public_name(user);
        assert_eq!(text.contains(&format!("/Users/{user}/")), !private, "{user}");
    }
}

#[test]
fn what_survives_is_named_by_its_fact() {
    let want = Expectations::default();
    let e = of_alice();
    let [text, _] = formats(&e, &want);
    let fact = survivor(&e, &want, &text, &owner("alice"), true).unwrap();
    assert!(fact.starts_with("evidence.machines.seen.fact."), "{fact}");
    assert_eq!(survivor(&e, &want, &text, &owner("alice"), false), None, "names may stay for local use");
    let mut e = evidence();
    e.nix_config = Probe::blind("it said s3cretToken");
    assert_eq!(survivor(&e, &want, "", &owner("x"), false).unwrap(), "evidence.nix_config.blind.because");
    assert_eq!(
        survivor(&evidence(), &want, "s3cretToken", &owner("x"), true).unwrap(),
        "the text of a finding"
    );
}

#[test]
fn new_tokens_go_on_behind_old_ones() {
    let mut e = of_alice();
    e.nix = Probe::blind("<user-4> and <host-2> said so");
    let text = serde_json::to_string(&redacted(&e, &Expectations::default())).unwrap();
    assert!(text.contains("<user-5>") && text.contains("<host-3>") && !text.contains("<user-1>"));
    assert!(text.contains("<user-4> and <host-2> said so"));
}

#[test]
fn what_is_expected_stays_whatever_name_is_part_of_it() {
    let mut want = Expectations::default();
    let url = "https://alice.cachix.org";
    for cache in &mut want.cache {
        cache.url = url.to_owned();
        cache.public_key = "alice.cachix.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=".to_owned();
    }
    want.builder.host = "mbp-of-zoe".to_owned();
    let mut e = of_alice();
    e.nix = Probe::blind(format!("alice and her {url}/x from mbp-of-zoe"));
    let (shown, _) = redact(&e, &want, &owner("alice")).unwrap();
    let [text, _] = formats(&shown, &want);
    assert!(text.contains("<user-1> and her https://alice.cachix.org/x from mbp-of-zoe"), "{text}");
    assert_eq!(survivor(&shown, &want, &text, &owner("alice"), true), None);
    same("a cache named after its user", &e, &want);
}

#[test]
fn names_of_words_of_ours_cause_no_refusal() {
    let want = Expectations::default();
    let (shown, _) = redact(&of_alice(), &want, &Secrets::default()).unwrap();
    let [text, _] = formats(&shown, &want);
    for host in ["nix-darwin.local", "nix-daemon", "macos-build-host", "m3-pro.lan", "600", "mac-1"] {
        let owner = Secrets::new(Some("zoe"), Some("/Users/zoe"), Some(host), &[]);
        assert_eq!(survivor(&shown, &want, &text, &owner, true), None, "{host}");
    }
}

#[test]
fn odd_names_leave_nothing_of_them() {
    let want = Expectations::default();
    for user in ["jo-ann", "first.last", "o'zqbrien", "jürgen", "John Zqsmith", "zq_x", "svc$"] {
        let owner = owner(user);
        let mut e = evidence();
        e.nix = Probe::blind(format!("/Users/{user}/x of {user} is gone; {user}: /Users/{user}."));
        let (shown, _) = redact(&e, &want, &owner).unwrap();
        let because = serde_json::to_value(&shown).unwrap()["nix"]["blind"]["because"].to_string();
        assert!(!because.contains(user) && !because.contains("zq") && !because.contains("Zq"), "{because}");
        let [text, _] = formats(&shown, &want);
        assert_eq!(survivor(&shown, &want, &text, &owner, true), None, "{user}");
    }
}

#[test]
fn a_name_in_a_field_that_should_hold_none_is_replaced_and_judged_the_same() {
    let want = Expectations::default();
    let mut e = of_alice();
    let line = "ssh-ng://builder@linux-builder aarch64-linux /etc/nix/builder_ed25519 4 1 kvm,alice-box - -";
    set_machines(&mut e, line);
    let config = serde_json::to_value(&e).unwrap();
    let text = config.to_string().replace("\"benchmark\"", "\"alice-box\"");
    let e: Evidence = serde_json::from_str(&text).unwrap();
    let (shown, _) = redact(&e, &want, &owner("alice")).unwrap();
    let text = serde_json::to_string(&shown).unwrap();
    assert!(!text.contains("alice") && text.contains("-box"), "{text}");
    same("a feature named after its user", &e, &want);
}

/// Every line that a healthy Mac's programs, files and servers give: so that of each a part can be another.
fn sources(mac: &mut crate::host::scripted::Scripted) -> Vec<&mut String> {
    let outputs = mac.commands.values_mut().flat_map(|it| [&mut it.stdout, &mut it.stderr]);
    outputs.chain(mac.pages.values_mut().map(|it| &mut it.body)).collect()
}

/// A text with something in one of its places: a word's end, a line's end, within a JSON string.
fn with(text: &str, at: usize, planted: &str) -> String {
    let ends: Vec<usize> = text.match_indices([' ', '\n', '"', '=', '/']).map(|(at, _)| at).collect();
    let at = ends.get(at % (ends.len() + 1)).copied().unwrap_or(text.len());
    format!("{} {planted}{}", &text[..at], &text[at..])
}

/// The lines of a text that hold a word.
fn around(text: &str, word: &str) -> String {
    text.lines()
        .filter(|line| line.contains(word))
        .map(|line| crate::parse::text::cut(line, 300))
        .collect::<Vec<_>>()
        .join("\n")
}

fn nine(report: &Report) -> Vec<String> {
    use crate::report::format::{Format, render};
    let one = |format| render(report, format, Paint::PLAIN, human::Detail::Probes);
    Format::ALL.into_iter().map(one).collect()
}

proptest::proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig { cases: 20, failure_persistence: None, ..Default::default() })]

    /// Of whatever the world says to any parser, in whatever place, and in whatever format.
    #[test]
    fn what_is_planted_in_the_input_of_any_parser_comes_out_of_no_format(
        places in proptest::collection::btree_map(0usize..48, 0usize..400, 1..6),
        shape in 0usize..SHAPES.len(),
        word in "zq7[A-Z2-9]{17}",
    ) {
        use crate::evidence::{Progress, Wanted, RootAccess, gather};
        let secret = SHAPES[shape].replace("WORD", &word);
        let mut mac = crate::evidence::tests::mac();
        {
            let mut all = sources(&mut mac);
            for (which, at) in places {
                // One in each, as one within another would be none.
                if which >= all.len() {
                    continue;
                }
                *all[which] = with(all[which], at, &secret);
            }
        }
        let want = Expectations::default();
        let wanted = Wanted { deep: true, root: RootAccess::Sudo, ..Wanted::default() };
        let e = gather(&mac, &want, &wanted, &Progress::default()).0;
        for shown in [without_any_secret(&e).unwrap(), redacted(&e, &want)] {
            let diagnosis = diagnose(&checks::all(), &shown, &want, &Selection::default());
            for text in nine(&Report::new(&diagnosis, &shown, &want, Timings::default())) {
                proptest::prop_assert!(!text.contains(&word), "{secret}: {}", around(&text, &word));
            }
        }
    }

    /// And of whatever string of the evidence, whoever filled it.
    #[test]
    fn what_is_planted_in_any_string_of_the_evidence_comes_out_of_no_format(
        shape in 0usize..SHAPES.len(),
        word in "zq7[A-Z2-9]{17}",
        before in "[ a-z/=:'(]{0,4}",
        after in "[ a-z/,;')]{0,4}",
    ) {
        let secret = SHAPES[shape].replace("WORD", &word);
        let e = planted(|text, _| format!("{text}{before} {secret} {after}"));
        let want = Expectations::default();
        let shown = redacted(&e, &want);
        let diagnosis = diagnose(&checks::all(), &shown, &want, &Selection::default());
        for text in nine(&Report::new(&diagnosis, &shown, &want, Timings::default())) {
            proptest::prop_assert!(!text.contains(&word), "{secret}: {}", around(&text, &word));
        }
    }
}

/// Secrets that their shape tells.
const SHAPES: [&str; 12] = [
    "ghp_WORD",
    "github_pat_WORD",
    "glpat-WORD",
    "https://bob:WORD@cache.example/x",
    "https://WORD@cache.example/x",
    "ssh://bob:WORD@build.example",
    "access-tokens = github.com=WORD",
    "Authorization: Bearer WORD",
    "https://x.example/?password=WORD&y=1",
    "aws_secret_access_key = WORD",
    "machine x.example login bob password WORD",
    "-----BEGIN OPENSSH PRIVATE KEY----- WORD -----END OPENSSH PRIVATE KEY-----",
];
