//! What judging, reading and writing cost: `cargo bench`.
//!
//! The machines are saved ones; logs and files are those of the parsers' samples, repeated to the size of a bad day.

use builder_doctor::checks;
use builder_doctor::diagnosis::{Selection, diagnose};
use builder_doctor::fix::plan::{Choice, plan};
use builder_doctor::host::secrets::Secrets;
use builder_doctor::parse::{build_log, conf_files, launchd, machines, nix_config, ssh_config};
use builder_doctor::redact::redact;
use builder_doctor::report::format::{Format, render};
use builder_doctor::report::human::Detail;
use builder_doctor::report::json::{Saved, parse};
use builder_doctor::report::paint::Paint;
use builder_doctor::report::{Report, Timings};
use builder_doctor::symptoms::{Paste, find};
use divan::counter::BytesCount;
use divan::{Bencher, black_box};
use std::fmt::Write;

fn main() {
    divan::main();
}

const MACHINES: [&str; 3] = ["healthy", "two-causes", "builder-crash-looping"];

// A benchmark's files are the repository's own.
#[allow(clippy::disallowed_methods)]
fn text(name: &str) -> String {
    let path = format!("{}/tests/states/{name}.json", env!("CARGO_MANIFEST_DIR"));
    std::fs::read_to_string(&path).unwrap_or_else(|error| panic!("{path}: {error}"))
}

fn saved(name: &str) -> Saved {
    parse(text(name).as_bytes()).unwrap_or_else(|error| panic!("{name}: {error}"))
}

/// Every check asked, the causes told from what follows from them, and ranked: under a millisecond.
#[divan::bench(args = MACHINES)]
fn judge(bencher: Bencher, name: &str) {
    let (all, saved) = (checks::all(), saved(name));
    bencher.bench(|| diagnose(&all, black_box(&saved.evidence), &saved.expectations, &Selection::default()));
}

/// The fixes of what was found, with their steps.
#[divan::bench(args = MACHINES)]
fn plan_fixes(bencher: Bencher, name: &str) {
    let (all, saved) = (checks::all(), saved(name));
    let d = diagnose(&all, &saved.evidence, &saved.expectations, &Selection::default());
    let choice = Choice { disruptive: true, ask: true, only: Vec::new() };
    bencher.bench(|| plan(black_box(&d), &saved.evidence, &saved.expectations, &choice));
}

#[divan::bench(args = MACHINES)]
fn read_report(bencher: Bencher, name: &str) {
    let text = text(name);
    bencher.counter(BytesCount::of_str(&text)).bench(|| parse(black_box(text.as_bytes())));
}

#[divan::bench(args = MACHINES)]
fn redact_names(bencher: Bencher, name: &str) {
    let saved = saved(name);
    bencher.bench(|| redact(black_box(&saved.evidence), &saved.expectations, &Secrets::default()));
}

#[divan::bench(args = Format::ALL.map(Format::name))]
fn write_report(bencher: Bencher, format: &str) {
    let format = Format::named(format).unwrap_or(Format::Human);
    let (all, saved) = (checks::all(), saved("two-causes"));
    let d = diagnose(&all, &saved.evidence, &saved.expectations, &Selection::default());
    let report = Report::new(&d, &saved.evidence, &saved.expectations, Timings::default());
    bencher.bench(|| render(black_box(&report), format, Paint::PLAIN, Detail::Findings));
}

/// What nix-darwin writes, for a hundred machines.
#[divan::bench]
fn parse_machines(bencher: Bencher) {
    let mut text = String::new();
    for n in 0..100 {
        let _ = writeln!(
            text,
            "ssh-ng://builder@linux-builder-{n} aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 4 1 \
             kvm,benchmark,big-parallel,nixos-test - c3NoLWVkMjU1MTkgQUFBQQ=="
        );
    }
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| machines::parse(black_box(&text), "builders", &mut |_| machines::FileRead::Missing));
}

/// A megabyte of a failing build's output.
#[divan::bench]
fn parse_build_log(bencher: Bencher) {
    let lines = "these 12 derivations will be built:\n  /nix/store/q1b1d3wzgqhmsn0y4vmj0f6clbbv6xzp-vm-test-run.drv\n\
        building '/nix/store/q1b1d3wzgqhmsn0y4vmj0f6clbbv6xzp-vm-test-run.drv' on 'ssh-ng://builder@linux-builder'...\n\
        vm-test-run> machine # [    0.000000] Booting Linux on physical CPU 0x0000000000 [0x610f0000]\n\
        error: builder for '/nix/store/q1b1d3wzgqhmsn0y4vmj0f6clbbv6xzp-vm-test-run.drv' failed with exit code 1\n";
    let text = lines.repeat(1_000_000 / lines.len());
    bencher.counter(BytesCount::of_str(&text)).bench(|| build_log::parse(black_box(&text), Some(1)));
}

/// A thousand settings, as `nix config show --json` prints them.
#[divan::bench]
fn parse_nix_config(bencher: Bencher) {
    let settings: Vec<String> = (0..1000)
        .map(|n| format!("\"setting-{n}\":{{\"aliases\":[],\"defaultValue\":null,\"description\":\"{}\",\"value\":[\"a\",\"b\"]}}", "words ".repeat(40)))
        .collect();
    let text = format!(
        "{{\"system-features\":{{\"value\":[\"benchmark\",\"nixos-test\"]}},{}}}",
        settings.join(",")
    );
    bencher.counter(BytesCount::of_str(&text)).bench(|| nix_config::parse_json(black_box(&text)));
}

/// nix.conf, a thousand lines of it.
#[divan::bench]
fn parse_nix_conf(bencher: Bencher) {
    let text = "# a word\nextra-trusted-public-keys = cache.example.org-1:AAAA=\nextra-substituters = https://cache.example.org\n".repeat(333);
    bencher
        .counter(BytesCount::of_str(&text))
        .bench(|| conf_files::parse("/etc/nix/nix.conf", black_box(&text)));
}

/// `ssh -G linux-builder`.
#[divan::bench]
fn parse_ssh(bencher: Bencher) {
    let text = format!(
        "host linux-builder\nuser builder\nhostname localhost\nport 31022\n{}identityfile /etc/nix/builder_ed25519\n",
        "sendenv LC_*\n".repeat(60)
    );
    bencher.counter(BytesCount::of_str(&text)).bench(|| ssh_config::parse_view(black_box(&text)));
}

/// `launchctl print system/org.nixos.linux-builder`, with a long environment.
#[divan::bench]
fn parse_launchctl(bencher: Bencher) {
    let text = format!(
        "system/org.nixos.linux-builder = {{\n\tactive count = 1\n\tpath = /Library/LaunchDaemons/org.nixos.linux-builder.plist\n\tstate = running\n\n\
         \tenvironment = {{\n{}\t}}\n\n\truns = 3\n\tpid = 4711\n\tlast exit code = 1\n}}\n",
        "\t\tNAME => value of some length\n".repeat(200)
    );
    bencher.counter(BytesCount::of_str(&text)).bench(|| launchd::parse_print(Some(0), black_box(&text), ""));
}

/// `explain -`: every row of the table on a pasted log of 200 kB.
#[divan::bench]
fn find_symptoms(bencher: Bencher) {
    let lines = "copying path '/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-hello-2.12.1' from 'https://cache.nixos.org'...\n\
        error: Failed to find a machine for remote build!\n";
    let text = lines.repeat(200_000 / lines.len());
    let paste = Paste::new(&text);
    bencher.counter(BytesCount::of_str(&text)).bench(|| find(black_box(&paste)));
}
