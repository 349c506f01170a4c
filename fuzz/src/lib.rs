//! What is fuzzed: every parser of text that others write, each with what is made of it.
//!
//! A target takes any bytes, decodes them as the doctor does, and may neither panic, hang nor take memory without
//! bound. Where a property is cheap to tell, it is asserted as well.

#![forbid(unsafe_code)]

use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::expectations::Expectations;
use builder_doctor::fix::plan::{Choice, plan};
use builder_doctor::host::secrets::Secrets;
use builder_doctor::parse::*;
use builder_doctor::redact::redact;
use builder_doctor::report::format::{Format, render};
use builder_doctor::report::human::Detail;
use builder_doctor::report::paint::Paint;
use builder_doctor::report::{Report, Timings, json, timings};
use builder_doctor::{checks, drift, fix, fleet, nixos_tests, symptoms, why};
use std::borrow::Cow;
use std::hint::black_box;

/// Runs the target of this name.
pub fn run(name: &str, data: &[u8]) {
    match name {
        "launchctl" => launchctl(data),
        "machines" => machines(data),
        "nix_conf" => nix_conf(data),
        "nix_config" => nix_config(data),
        "build_log" => build_log(data),
        "ssh_config" => ssh_config(data),
        "host_keys" => host_keys(data),
        "plist" => plist(data),
        "report" => report(data),
        "expectations" => expectations(data),
        "symptoms" => symptoms(data),
        "caches" => caches(data),
        "derivation" => derivation(data),
        "journal" => journal(data),
        "answers" => answers(data),
        _ => panic!("there is no target {name}"),
    }
}

fn text(data: &[u8]) -> Cow<'_, str> {
    String::from_utf8_lossy(data)
}

/// Nothing that a parser keeps for a reader gives orders to a terminal.
fn is_plain(text: &str) {
    let order = text.chars().find(|c| c.is_control() && !matches!(c, '\n' | '\t'));
    assert_eq!(order, None, "a control character in what is shown: {text:?}");
}

fn launchctl(data: &[u8]) {
    let text = text(data);
    for exit in [Some(0), Some(113), None] {
        black_box(launchd::parse_print(exit, &text, &text));
    }
    black_box(launchd::parse_disabled(&text, &["org.nixos.linux-builder", "org.nixos.nix-daemon"]));
    black_box(launchd::etime(&text));
    black_box(background::parse_dump(&text, "org.nixos.linux-builder"));
}

fn machines(data: &[u8]) {
    let text = text(data);
    // A line names files with @: they hold the same text again, none, or nothing that can be read.
    let mut reads = 0;
    let found = machines::parse(&text, "builders", &mut |path| {
        reads += 1;
        match path.len() % 3 {
            0 => machines::FileRead::Text(text.clone().into_owned()),
            1 => machines::FileRead::Missing,
            _ => machines::FileRead::Unreadable("permission denied".to_owned()),
        }
    });
    assert!(reads <= 10_000, "{reads} files were read for {} bytes", data.len());
    for machine in &found.machines {
        black_box((machine.speed_factor(), machine.is_ssh(), machine.column(3)));
    }
    if let Ok(required) = derivation::parse(derivation_for_linux()) {
        let local = why::Local {
            system: "aarch64-darwin".to_owned(),
            extra_platforms: Vec::new(),
            features: Vec::new(),
            takes_jobs: true,
            external: Vec::new(),
        };
        black_box(why::decide(&required, &found.machines, Ok(&local)));
    }
}

fn derivation_for_linux() -> &'static str {
    r#"{"/nix/store/00000000000000000000000000000000-x.drv":{"name":"x","system":"aarch64-linux","builder":"/bin/sh","args":[],"env":{"requiredSystemFeatures":"nixos-test kvm"},"inputDrvs":{},"inputSrcs":[],"outputs":{}}}"#
}

fn nix_conf(data: &[u8]) {
    let text = text(data);
    black_box(conf_files::parse("/etc/nix/nix.conf", &text));
    black_box(conf_files::parse_variable(&text));
}

fn nix_config(data: &[u8]) {
    let text = text(data);
    black_box((nix_config::parse_json(&text).ok(), nix_config::parse_text(&text).ok()));
    black_box(nix_config::parse_error(&text));
}

fn build_log(data: &[u8]) {
    let text = text(data);
    for exit in [Some(0), Some(1), Some(100), None] {
        black_box(build_log::parse(&text, exit));
    }
    black_box(dry_run::parse(&text));
    black_box(nixos_tests::has_none(&text));
    let mut watched = nixos_tests::Watched::new("test");
    text.lines().for_each(|line| watched.hear(line));
    black_box((watched.text().len(), watched.log_of()));
    text.lines().for_each(|line| is_plain(&nixos_tests::shown(line)));
}

fn ssh_config(data: &[u8]) {
    let text = text(data);
    black_box((ssh_config::parse_view(&text), ssh_config::parse_errors(&text)));
}

fn host_keys(data: &[u8]) {
    let text = text(data);
    black_box((host_key::parse_scan(&text), host_key::parse_public_key(&text)));
    black_box((host_key::decode_field(&text), host_key::decode_base64(&text).ok()));
}

fn plist(data: &[u8]) {
    if let Err(why) = launchd::parse_plist(data) {
        is_plain(&why);
    }
}

/// Reads a report and judges it; if it can be, everything that is made of one is made.
fn report(data: &[u8]) {
    let saved = match json::parse(data) {
        Ok(saved) => saved,
        Err(why) => {
            is_plain(&why);
            assert!(!why.contains('\n'), "an error of several lines: {why:?}");
            let _ = json::parse_for_preflight(data);
            let _ = fleet::wrapped::read(data);
            return;
        }
    };
    let (all, selection) = (checks::all(), Selection::default());
    let own = diagnose(&all, &saved.evidence, &saved.expectations, &selection);
    black_box(plan(
        &own,
        &saved.evidence,
        &saved.expectations,
        &Choice { disruptive: true, ask: true, only: vec![] },
    ));
    is_plain(&timings::chart(&saved.timings, Paint::PLAIN));
    let healthy = builder_doctor::evidence::healthy::evidence();
    black_box(drift::compare(&healthy, &saved.evidence));
    let (shown, _) =
        redact(&saved.evidence, &saved.expectations, &Secrets::default()).expect("what was read is redacted");
    let others = diagnose(&all, &shown, &saved.expectations, &selection);
    assert_eq!(own.exit_code(), others.exit_code(), "redaction changed the verdict");
    let report = Report::new(&others, &shown, &saved.expectations, Timings::default());
    for format in Format::ALL {
        is_plain(&render(&report, format, Paint::PLAIN, Detail::Probes));
    }
}

fn expectations(data: &[u8]) {
    match Expectations::parse(&text(data)) {
        Ok(want) => {
            // They reach commands: nothing in them begins an option or leaves its word.
            assert!(!want.builder.host.starts_with('-'), "{:?}", want.builder.host);
            assert!(!want.builder.launchd_label.starts_with('-'), "{:?}", want.builder.launchd_label);
            black_box((want.build_deadline(), want.all_systems().count()));
        }
        Err(why) => is_plain(&why),
    }
}

fn symptoms(data: &[u8]) {
    for named in symptoms::find(&symptoms::Paste::new(&text(data))) {
        is_plain(&named.line);
    }
}

fn caches(data: &[u8]) {
    let text = text(data);
    black_box(cache_info::parse_cache_info(&text));
    black_box(cache_info::parse_narinfo(&text, "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-hello-2.12.1"));
    black_box((
        proxy::parse_scutil(&text),
        proxy::parse_variable(&text),
        proxy::is_exempt(&text, "cache.nixos.org"),
    ));
    black_box(certificate::issuer(data));
    if let Ok(der) = host_key::decode_base64(&text) {
        black_box(certificate::issuer(&der));
    }
}

fn derivation(data: &[u8]) {
    let text = text(data);
    black_box((derivation::parse(&text).ok(), nixos_tests::parse(&text).ok()));
    black_box(nixos_tests::anew::expression(&text, "0").ok());
}

fn journal(data: &[u8]) {
    black_box(fix::journal::listed(data).ok());
}

/// The small ones together: each sees all.
fn answers(data: &[u8]) {
    let text = text(data);
    black_box(builder_log::last_lines(data, true));
    black_box(crash_report::parse(&text).ok());
    black_box((diskutil::parse_info(&text), diskutil::uuid_in_fstab(&text)));
    black_box((dscl::parse_users(&text), dscl::parse_group(&text), dscl::is_no_record(&text)));
    black_box((listeners::parse_lsof(&text), listeners::chain(1, &listeners::parse_parents(&text))));
    black_box((
        nixpkgs::parse_darwin_version(&text),
        nixpkgs::parse_lock("/etc/nix-darwin/flake.lock", &text),
    ));
    black_box((platform::parse_uname(&text), platform::parse_sw_vers(&text), platform::parse_df(&text)));
    black_box(platform::parse_sysctl(&text));
    black_box(processes::parse(&text, &["linux-builder".to_owned()]));
    black_box((store_info::parse(&text, &text, Some(1)), store_info::last_error(&text)));
    black_box(synthetic::parse(&text));
    black_box((version::parse_version(&text), vm_program::next_scripts(&text)));
    let mut scripts = vm_program::VmScripts::default();
    scripts.read(&text);
    black_box(scripts);
    is_plain(&builder_doctor::parse::text::clean(&text));
    black_box(builder_doctor::parse::text::scrub(&text));
    black_box(builder_doctor::parse::text::words(&text));
    black_box(builder_doctor::builder::setup::flake::names(&text).ok());
    black_box(builder_doctor::builder::setup::flake::Flake::parse(Some(&text)).ok());
}
