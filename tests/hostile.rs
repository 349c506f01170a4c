//! What the world can do to the doctor: garbage, silence, floods, hangs, secrets, and reports that are none.
//! Whatever it meets, it ends in time, with a report or one clear line, and leaves no child behind. (That no
//! child is left, and that the program ends at all, is asserted wherever a run is waited for.)
#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]

mod support;

use proptest::prelude::{ProptestConfig, any, prop_assert, proptest};
use rustix::process::Signal;
use serde_json::{Value, json};
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::sync::{Arc, LazyLock, Mutex};
use std::time::Duration;
use support::{Mac, Ran};

/// For ever, whatever the signal, with a grandchild that is as stubborn; SIGKILL ends both.
const STUBBORN: &str =
    "trap '' TERM INT HUP\n(trap '' TERM INT HUP; while :; do sleep 1; done) &\nwhile :; do sleep 1; done\n";
const GARBAGE: &str = "head -c 5000 /dev/urandom; head -c 5000 /dev/urandom >&2\n";
const FLOOD: &str = "yes 2>/dev/null | head -c 1073741824\n";
const ENDLESS: &str = "yes\n";
const HANG: &str = "sleep 1000\n";
const CRASH: &str = "kill -SEGV $$\n";
const ESCAPES: &str = r"printf '\033[31mred\033[0m \033]0;title\007 \302\233 \033[2J\n'; printf 'error: \033[31mred\033[0m\007\n' >&2; exit 1
";

/// One run for each format, at the same time: the report in JSON, and the text for people.
#[track_caller]
fn both(mac: &Mac, args: &[&str]) -> (Value, Ran) {
    let json = mac.start(&[args, &["--json"]].concat());
    let human = mac.start(&[args, &["-v"]].concat());
    let (json, human) = (json.end(), human.end());
    let report = json.is_report();
    human.is_plain();
    assert_eq!(human.code, json.code, "the exit code is the same in all formats");
    assert!(human.text().ends_with(".\n"), "{}", human.text());
    (report, human)
}

#[track_caller]
fn broken_program(name: &str, script: &str) -> (Value, Ran) {
    let mac = Mac::new();
    mac.program(name, script);
    both(&mac, &["--offline"])
}

#[track_caller]
fn broken_nix(subcommand: &str, script: &str) -> (Value, Ran) {
    let mac = Mac::new();
    mac.nix(subcommand, script);
    both(&mac, &["--offline"])
}

#[track_caller]
fn broken_port(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> (Value, Ran) {
    both(&Mac::with_builder(serve), &["--offline"])
}

fn is_seen(report: &Value, fact: &str) -> bool {
    report["evidence"][fact].get("seen").is_some()
}

#[test]
fn the_imitated_mac_is_healthy() {
    let (report, human) = both(&Mac::new(), &["--offline"]);
    assert_eq!(report["verdict"], "healthy", "{}", human.text());
    assert_eq!(report["exit_code"], 0);
    assert!(is_seen(&report, "builder_job") && is_seen(&report, "nix_config") && is_seen(&report, "builds"));
}

macro_rules! programs {
    ($($test:ident: $name:expr, $script:expr;)+) => { $(
        #[test]
        fn $test() {
            broken_program($name, $script);
        }
    )+ };
}

programs! {
    launchctl_that_says_nothing: "launchctl", "";
    launchctl_that_says_garbage: "launchctl", GARBAGE;
    launchctl_that_floods: "launchctl", FLOOD;
    launchctl_without_end: "launchctl", ENDLESS;
    launchctl_that_hangs: "launchctl", HANG;
    launchctl_that_hangs_and_ignores_signals: "launchctl", STUBBORN;
    launchctl_that_crashes: "launchctl", CRASH;
    launchctl_that_prints_escapes: "launchctl", ESCAPES;
    ssh_without_end: "ssh", ENDLESS;
    ssh_that_says_garbage: "ssh", GARBAGE;
    ssh_that_hangs: "ssh", HANG;
    ssh_that_prints_escapes: "ssh", ESCAPES;
    ssh_keyscan_that_says_garbage: "ssh-keyscan", GARBAGE;
    ssh_keyscan_without_end: "ssh-keyscan", ENDLESS;
    ssh_keyscan_that_hangs: "ssh-keyscan", STUBBORN;
    nix_that_does_nothing_but_hang: "nix", STUBBORN;
    nix_that_is_all_garbage: "nix", GARBAGE;
    nix_that_always_crashes: "nix", CRASH;
    uname_that_says_garbage: "uname", GARBAGE;
    uname_that_hangs: "uname", HANG;
    sw_vers_with_escapes: "sw_vers", "printf 'ProductVersion:\\t26\\033[31m\\033]0;title\\007\\302\\233\\n'\n";
    sysctl_with_escapes: "sysctl", "printf '1\\033[31m\\007\\n'\n";
    df_with_numbers_beyond_all_measure:
        "df", "printf 'Filesystem 1024-blocks Used Available Capacity Mounted\\nx 0 18446744073709551615 18446744073709551615 4294967295%% /\\n'\n";
    id_with_escapes: "id", "printf 'uid=501(al\\033[31mice\\007) gid=20(staff)\\n'\n";
    ps_with_numbers_beyond_all_measure: "ps", "echo 999999-999999:999999:999999\n";
    ps_that_says_garbage: "ps", GARBAGE;
}

macro_rules! nixes {
    ($($test:ident: $subcommand:expr, $script:expr, $fact:expr;)+) => { $(
        #[test]
        fn $test() {
            let (report, _) = broken_nix($subcommand, $script);
            assert!(!is_seen(&report, $fact), "{}", report["evidence"][$fact]);
        }
    )+ };
}

nixes! {
    nix_config_that_is_empty: "config show", "", "nix_config";
    nix_config_that_is_not_json: "config show", "echo hello", "nix_config";
    nix_config_that_is_cut_short: "config show", "head -c 200 \"$here/config.json\"", "nix_config";
    nix_config_that_is_nested_without_end: "config show", "yes '{\"system\":' | head -n 50000", "nix_config";
    nix_config_that_is_binary: "config show", GARBAGE, "nix_config";
    nix_config_without_end: "config show", ENDLESS, "nix_config";
    nix_config_that_hangs: "config show", STUBBORN, "nix_config";
    nix_config_that_is_killed: "config show", "kill -KILL $$", "nix_config";
    nix_store_info_without_end: "store info", ENDLESS, "nix_daemon";
    nix_store_info_that_is_killed: "store info", "kill -KILL $$", "nix_daemon";
}

#[test]
fn nix_config_with_escapes() {
    broken_nix("config show", ESCAPES);
}

#[test]
fn nix_config_whose_settings_hold_escapes() {
    let mac = Mac::new();
    let odd = "a\u{1b}[31mb\u{7}\u{202e}c";
    for name in
        ["system", "substituters", "experimental-features", "trusted-users", "system-features", "max-jobs"]
    {
        mac.set_config(&json!({ name: odd }));
        both(&mac, &["--offline", "--quick"]);
    }
    for builders in [
        format!("ssh-ng://builder@{odd} aarch64-linux - 4 1"),
        format!("ssh-ng://builder@linux-builder {odd}-linux {odd} 4 1 {odd} {odd} {odd}"),
        format!("@/nowhere/{odd}"),
        "ssh-ng://linux-builder aarch64-linux - 99999999999999999999 -1 ; ; ;".to_owned(),
    ] {
        mac.set_config(&json!({ "builders": builders }));
        both(&mac, &["--offline", "--quick"]);
    }
}

#[test]
fn nix_whose_version_is_garbage() {
    for script in [
        "head -c 5000 /dev/urandom",
        "",
        "printf 'nix (Nix) 2.\\033[31m34\\033[0m.8\\007\\n'",
        "echo 'nix (Nix) 99999999999999999999.1.1'",
    ] {
        broken_nix("--version", script);
    }
}

#[test]
fn nix_store_info_that_is_empty() {
    broken_nix("store info", "");
}

#[test]
fn nix_store_info_that_is_not_json() {
    broken_nix("store info", "echo hello");
}

#[test]
fn nix_store_info_that_is_cut_short() {
    broken_nix("store info", "printf '{\"trusted\":fal'");
}

#[test]
fn nix_store_info_that_is_binary() {
    broken_nix("store info", GARBAGE);
}

#[test]
fn nix_store_info_with_escapes() {
    broken_nix("store info", ESCAPES);
    broken_nix(
        "store info",
        "printf '{\"trusted\":false,\"url\":\"daemon\",\"version\":\"2.34\\\\u001b[31m\\\\u0007\"}'",
    );
}

#[test]
fn a_daemon_that_is_silent_is_told_from_one_that_answers() {
    let (report, _) = broken_nix("store info", STUBBORN);
    assert!(report["evidence"]["nix_daemon"]["seen"]["fact"]["silent_for"].is_number());
}

#[test]
fn a_build_that_hangs_with_a_stubborn_grandchild_is_ended_whole() {
    let mac = Mac::new();
    mac.nix("build", STUBBORN);
    mac.expect("1s");
    let expect = mac.path("expect.toml");
    let (report, _) = both(&mac, &["--offline", "--timeout", "20s", "--expect", expect.to_str().unwrap()]);
    let builds = report["evidence"]["builds"]["seen"]["fact"].as_array().unwrap();
    assert_eq!(builds.len(), 3);
    assert!(builds.iter().all(|build| build["ended"]["deadline"] == 1), "{builds:?}");
    assert_eq!(report["exit_code"], 1);
}

#[test]
fn a_build_that_hangs_with_open_pipes_in_a_grandchild_alone() {
    let mac = Mac::new();
    mac.nix("build", "(trap '' TERM; while :; do sleep 1; done) & echo gone >&2; exit 0");
    both(&mac, &["--offline"]);
}

#[test]
fn the_whole_look_has_a_deadline() {
    let mac = Mac::new();
    for name in
        ["nix", "launchctl", "ssh", "ssh-keyscan", "uname", "sw_vers", "sysctl", "df", "id", "ps", "dscl"]
    {
        mac.program(name, STUBBORN);
    }
    let (report, _) = both(&mac, &["--offline", "--timeout", "2s"]);
    assert_ne!(report["verdict"], "healthy");
}

#[test]
fn a_deadline_of_nothing_is_a_deadline() {
    let mac = Mac::new();
    mac.nix("build", STUBBORN);
    let ran = mac.run(&["--json", "--offline", "--timeout", "0s"]);
    assert_ne!(ran.is_report()["verdict"], "healthy");
}

/// Who gives a build no time learns nothing about the machine.
#[test]
fn a_build_that_our_own_deadline_ends_is_no_fault_of_the_machine() {
    let mac = Mac::new();
    mac.nix("build", "sleep 1000");
    mac.expect("60s");
    let ran = mac.run(&["--json", "--offline", "--timeout", "4s"]);
    ran.is_report();
    assert_eq!((ran.causes(), ran.code), (Vec::new(), Some(3)));
}

#[test]
fn deadlines_beyond_all_measure_are_no_panic() {
    let mac = Mac::new();
    mac.expect("18446744073709551615s");
    let (report, _) = both(&mac, &["--offline", "--timeout", "18446744073709551615s"]);
    assert_eq!(report["evidence"]["builds"]["seen"]["fact"].as_array().map(Vec::len), Some(3));
}

#[test]
fn a_build_that_prints_without_end() {
    let (report, _) = broken_nix("build", "yes error: no >&2");
    assert_ne!(report["exit_code"], 0);
}

#[test]
fn a_build_that_prints_escapes() {
    let log = r"
printf 'building \033[31m/nix/store/x.drv\033[0m on \033]0;x\007...\n' >&2
printf 'cannot build on '\''ssh-ng://\033[31mx'\'': error: \007\033[2J\302\233\n' >&2
printf 'error: \033[31;1mred\033[0m\rover\n' >&2
exit 1";
    broken_nix("build", log);
}

#[test]
fn a_build_of_garbage() {
    broken_nix("build", "head -c 900000 /dev/urandom >&2; exit 1");
}

#[test]
fn a_port_that_never_speaks_ends_the_hanging_build_early() {
    let mac = Mac::with_builder(|_open| {
        loop {
            std::thread::park();
        }
    });
    mac.nix("build", STUBBORN);
    mac.expect("60s");
    let ran = mac.run(&["--offline", "--json"]);
    let report = ran.is_report();
    let cause = ran.causes().into_iter().next().unwrap_or_default();
    assert!(["vm-unresponsive", "vm-still-booting"].contains(&cause.as_str()), "{:?}", ran.causes());
    let builds = report["evidence"]["builds"]["seen"]["fact"].as_array().unwrap();
    assert!(builds.iter().all(|build| build["ended"]["cancelled"].is_string()), "{builds:?}");
    // The builds' own deadline is no part of it.
    assert!(ran.took < Duration::from_secs(40), "took {:?}", ran.took);
}

#[test]
fn a_port_that_hangs_up_at_once() {
    broken_port(drop);
}

#[test]
fn a_port_that_sends_a_megabyte_without_a_newline() {
    let (report, _) = broken_port(|mut stream| drop(stream.write_all(&vec![b'x'; 1 << 20])));
    assert!(report["evidence"]["ports"].to_string().len() < 2000, "{}", report["evidence"]["ports"]);
}

#[test]
fn a_port_that_sends_binary() {
    let all: Vec<u8> = (0..=255).rev().filter(|byte| *byte != b'\n').collect();
    broken_port(move |mut stream| drop(stream.write_all(&all)));
    broken_port(|mut stream| drop(stream.write_all(b"SSH-2.0-\x1b[31m\x07\xff\xe2\x80\xae\x9b\r\n")));
}

#[test]
fn a_port_that_sends_a_byte_at_a_time_without_end() {
    broken_port(|mut stream| {
        while stream.write_all(b"x").is_ok() {
            std::thread::sleep(Duration::from_millis(200));
        }
    });
}

#[test]
fn sudo_that_hangs() {
    let mac = Mac::new();
    mac.program("sudo", STUBBORN);
    let (report, _) = both(&mac, &["--offline", "--quick", "--sudo"]);
    assert!(mac.calls().iter().any(|call| call.starts_with("sudo --non-interactive ")), "{:?}", mac.calls());
    assert!(!is_seen(&report, "root_view"));
}

#[test]
fn sudo_that_fails_or_talks_nonsense() {
    for script in [
        "echo 'sudo: a password is required' >&2; exit 1\n",
        GARBAGE,
        "echo '{}'; exit 0\n",
        "yes '{\"uri\":'\n",
        CRASH,
        ESCAPES,
    ] {
        let mac = Mac::new();
        mac.program("sudo", script);
        let (report, _) = both(&mac, &["--offline", "--quick", "--sudo"]);
        assert!(!is_seen(&report, "root_view"), "after {script:?}: {}", report["evidence"]["root_view"]);
    }
}

#[test]
fn sudo_that_lets_us_look() {
    let mac = Mac::new();
    mac.program("sudo", "PATH=$here/bin; export PATH; shift 2; exec \"$@\"\n");
    let (report, _) = both(&mac, &["--offline", "--quick", "--sudo"]);
    assert_eq!(
        report["evidence"]["root_view"]["seen"]["as_whom"], "root",
        "{}",
        report["evidence"]["root_view"]
    );
}

#[test]
fn what_root_runs_talks_nonsense() {
    for script in [GARBAGE, ESCAPES, CRASH, "yes p1\n"] {
        let mac = Mac::new();
        mac.program("sudo", "PATH=$here/bin; export PATH; shift 2; exec \"$@\"\n");
        for program in ["lsof", "ssh-keygen", "sfltool"] {
            mac.program(program, script);
        }
        let (report, _) = both(&mac, &["--offline", "--quick", "--sudo"]);
        assert!(is_seen(&report, "root_view"), "after {script:?}: {}", report["evidence"]["root_view"]);
        assert!(mac.calls().iter().any(|call| call.starts_with("lsof -nP ")), "{:?}", mac.calls());
    }
}

#[test]
fn a_nix_that_others_could_have_put_on_path_is_not_run_by_root() {
    let dialled = |mac: &Mac| mac.calls().iter().any(|call| call.contains("--store ssh-ng://"));
    let mac = Mac::new();
    mac.program("sudo", "PATH=$here/bin; export PATH; shift 2; exec \"$@\"\n");
    let (_, _) = both(&mac, &["--offline", "--quick", "--sudo"]);
    assert!(dialled(&mac), "{:?}", mac.calls());
    let mac = Mac::new();
    mac.program("sudo", "PATH=$here/bin; export PATH; shift 2; exec \"$@\"\n");
    std::fs::set_permissions(mac.path("bin"), std::fs::Permissions::from_mode(0o775)).unwrap();
    let (report, _) = both(&mac, &["--offline", "--quick", "--sudo"]);
    assert!(!dialled(&mac), "{:?}", mac.calls());
    let why = report["evidence"]["root_view"]["seen"]["fact"]["no_login"].to_string();
    assert!(why.contains("so root does not run it"), "{}", report["evidence"]["root_view"]);
}

/// A Mac with programs in the current folder and in one that anybody may write to, both first on PATH; and its PATH.
fn with_planted_programs() -> (Mac, String) {
    let mac = Mac::new();
    let open = mac.path("open");
    for folder in ["open", "here"] {
        for name in ["nix", "ssh", "launchctl", "sw_vers", "sudo"] {
            let script = "#!/bin/sh\n: >\"${0%/*}/planted\"\n";
            let planted = mac.write(&format!("{folder}/{name}"), script);
            std::fs::set_permissions(planted, std::fs::Permissions::from_mode(0o755)).unwrap();
        }
        std::fs::set_permissions(mac.path(folder), std::fs::Permissions::from_mode(0o777)).unwrap();
    }
    let path = format!("{}:.::{}", open.display(), mac.path("bin").display());
    (mac, path)
}

#[test]
fn nothing_is_run_from_folders_where_anybody_could_put_a_program() {
    let (mac, path) = with_planted_programs();
    let ran = mac
        .launch(mac.command(&["--offline", "--json"]).env("PATH", &path).current_dir(mac.path("here")))
        .end();
    let report: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!(report["verdict"], "healthy", "{report}");
    for folder in ["open", "here"] {
        assert!(!mac.path(folder).join("planted").exists(), "a program of {folder} was run");
    }
    // An empty PATH would lead to the current folder: what is left of this one is the system's own.
    mac.launch(
        mac.command(&["--offline", "--json", "--quick"]).env("PATH", ".").current_dir(mac.path("here")),
    )
    .end();
    assert!(!mac.path("here/planted").exists(), "a program of the current folder was run");
    let left_out = &report["evidence"]["nix"]["seen"]["fact"]["left_out_of_path"];
    assert_eq!(left_out.as_array().map(Vec::len), Some(2), "{left_out}");
    assert_eq!(left_out[1], ".");
    // They can be run: this is what the imitation proves nothing without.
    assert!(std::process::Command::new(mac.path("open/nix")).status().unwrap().success());
    assert!(mac.path("open/planted").exists());
}

#[test]
fn where_nix_is_only_where_anybody_could_have_put_it_that_is_said() {
    let (mac, path) = with_planted_programs();
    let only = path.replace(&mac.path("bin").display().to_string(), "/usr/bin:/bin");
    let ran = mac.launch(mac.command(&["--offline"]).env("PATH", only).current_dir(mac.path("here"))).end();
    assert!(!mac.path("open/planted").exists());
    let text = String::from_utf8(ran.stdout).unwrap();
    let words = text.split_whitespace().collect::<Vec<_>>().join(" ");
    assert!(words.contains("relative, or open to everybody"), "{text}");
}

#[test]
fn what_root_is_asked_is_checked_again_by_root() {
    let mac = Mac::new();
    let dial = "{\"nix\":\"/bin/sh\",\"scheme\":\"ssh-ng\",\"host\":\"-oProxyCommand=x\"}";
    for request in [
        "",
        "{}",
        "[]",
        "null",
        dial,
        &format!("{{\"dial\":{dial},\"here\":{{\"alias\":\"linux-builder\"}}}}"),
        "{\"dial\":null,\"here\":{\"alias\":\"-oProxyCommand=x\"}}",
        "{\"dial\":null,\"here\":{\"alias\":\"x\",\"folder\":\"/var/lib/../../etc\"}}",
        "{\"dial\":null,\"here\":{\"alias\":\"x\",\"key\":\"-f\"}}",
    ] {
        mac.run(&["look-as-root", request]).is_refused("");
    }
    assert_eq!(mac.calls(), [""; 0]);
}

#[test]
fn no_program_at_all() {
    let mac = Mac::new();
    std::fs::remove_dir_all(mac.path("bin")).unwrap();
    let (report, _) = both(&mac, &["--offline"]);
    assert_ne!(report["exit_code"], 0);
}

// Secrets.

const TOKEN: &str = "ghp_SECRETSECRETSECRETSECRETSECRETSECRET";
const SECRETS: [&str; 5] =
    [TOKEN, "hunter2", "SECRETSECRET", "tok3n-of-no-known-shape", "/home/alice/.netrc"];

/// No format of any run tells a secret.
#[track_caller]
fn keeps_its_secrets(mac: &Mac, args: &[&str]) {
    for more in [&["--json"][..], &[], &["-vv"]] {
        let ran = mac.run(&[args, more].concat());
        ran.is_sound();
        for secret in SECRETS {
            let at = ran
                .text()
                .lines()
                .find(|line| line.contains(secret))
                .or(ran.stderr.lines().find(|it| it.contains(secret)));
            assert_eq!(at, None, "{secret} is told with {more:?}");
        }
    }
}

#[test]
fn secrets_among_the_settings_are_not_told() {
    let mac = Mac::new();
    mac.set_config(&json!({
        "access-tokens": { "github.com": TOKEN, "example.com": "tok3n-of-no-known-shape" },
        "netrc-file": "/home/alice/.netrc",
        "secret-key-files": ["/home/alice/.netrc"],
        "post-build-hook": TOKEN,
        "substituters": ["https://user:hunter2@cache.invalid", "http://user:hunter2@127.0.0.1:9/?token=hunter2", "https://user:hunter2@[x"],
        "trusted-substituters": ["https://user:hunter2@cache.invalid"],
        "store": "https://user:hunter2@cache.invalid",
    }));
    keeps_its_secrets(&mac, &["--quick"]);
}

#[test]
fn secrets_among_the_settings_are_not_told_where_json_is_broken() {
    let mac = Mac::new();
    mac.nix(
        "config show",
        &format!(
            "echo '{{\"system\": \"x\", \"access-tokens\": {{\"value\": {{\"github.com\": \"{TOKEN}\"}},'"
        ),
    );
    keeps_its_secrets(&mac, &["--quick", "--offline"]);
    mac.nix("config show", &format!("echo 'access-tokens = github.com={TOKEN}'"));
    keeps_its_secrets(&mac, &["--quick", "--offline"]);
}

#[test]
fn secrets_that_an_error_quotes_are_not_told() {
    for line in [
        format!("error: syntax error in configuration line 'access-tokens github.com={TOKEN}' in '/etc/nix/nix.conf'"),
        "error: syntax error in configuration line 'access-tokens github.com=tok3n-of-no-known-shape' in '/etc/nix/nix.conf'".to_owned(),
        format!("warning: unknown setting '{TOKEN}'"),
        "error: unable to download 'https://user:hunter2@cache.invalid/nix-cache-info': HTTP error 401".to_owned(),
        format!("error: Authorization: Bearer {TOKEN}"),
    ] {
        let script = format!("cat >&2 <<'END'\n{line}\nEND\nexit 1");
        for subcommand in ["--version", "config show", "store info", "build"] {
            let mac = Mac::new();
            mac.nix(subcommand, &script);
            keeps_its_secrets(&mac, &["--offline"]);
        }
        for name in ["launchctl", "ssh", "ssh-keyscan"] {
            let mac = Mac::new();
            mac.program(name, &script);
            keeps_its_secrets(&mac, &["--offline", "--quick"]);
        }
    }
}

#[test]
fn secrets_in_a_machines_line_are_not_told() {
    let mac = Mac::new();
    mac.set_config(&json!({ "builders": "ssh-ng://builder:hunter2@linux-builder aarch64-linux - 4 1 ; https://user:hunter2@cache.invalid x86_64-linux" }));
    keeps_its_secrets(&mac, &["--offline"]);
}

#[test]
fn secrets_of_a_cache_that_is_expected_are_not_told() {
    let mac = Mac::new();
    let expected = std::fs::read_to_string(mac.path("expect.toml")).unwrap();
    let caches = "[[cache]]\nurl = \"https://user:hunter2@cache.invalid\"\npublic-key = \"x-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=\"\n";
    mac.write("expect.toml", format!("{}\n{caches}", expected.replace("cache = []", "")));
    keeps_its_secrets(&mac, &["--quick"]);
    keeps_its_secrets(&mac, &["--quick", "--offline"]);
}

/// A cache that wants a login, and all that it is asked.
fn private_cache() -> (u16, Arc<Mutex<String>>) {
    let asked = Arc::new(Mutex::new(String::new()));
    let heard = Arc::clone(&asked);
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let mut request = [0; 4096];
            let length = stream.read(&mut request).unwrap_or(0);
            heard.lock().unwrap().push_str(&String::from_utf8_lossy(&request[..length]));
            let answer = "HTTP/1.1 401 Unauthorized\r\ncontent-length: 0\r\nconnection: close\r\n\r\n";
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    (port, asked)
}

/// The doctor reads neither netrc nor tokens, so what a cache says to it alone is no fault of the machine.
#[test]
fn a_cache_that_asks_for_a_login_is_no_fault() {
    let (port, asked) = private_cache();
    let mac = Mac::new();
    mac.set_config(&json!({ "substituters": [format!("http://127.0.0.1:{port}")] }));
    let ran = mac.run(&["--json"]);
    ran.is_report();
    assert!(asked.lock().unwrap().contains("/nix-cache-info"), "it was not asked at all");
    assert_eq!(ran.causes(), [""; 0]);
}

#[test]
fn what_stands_in_for_a_password_is_not_sent_as_one() {
    let (port, asked) = private_cache();
    let mac = Mac::new();
    mac.set_config(&json!({ "substituters": [format!("http://user:hunter2@127.0.0.1:{port}")] }));
    mac.run(&["--json"]).is_report();
    let asked = asked.lock().unwrap();
    assert!(asked.contains("/nix-cache-info"), "it was not asked at all");
    let login = asked.lines().find(|line| line.to_ascii_lowercase().contains("authorization"));
    // "user:hunter2", which only Nix may send, if any.
    assert!(login.is_none_or(|line| line.ends_with("dXNlcjpodW50ZXIy")), "{login:?}");
}

/// Settings may hold a login, which is not kept; expectations may not.
#[test]
fn a_cache_with_a_login_is_found_among_the_substituters() {
    let mac = Mac::new();
    let cache = "https://cache.invalid";
    let expected = std::fs::read_to_string(mac.path("expect.toml")).unwrap();
    let key = "cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=";
    let caches = format!("[[cache]]\nurl = \"{cache}\"\npublic-key = \"{key}\"\n");
    mac.write("expect.toml", format!("{}\n{caches}", expected.replace("cache = []", "")));
    mac.set_config(&json!({ "substituters": ["https://user:hunter2@cache.invalid/"] }));
    let ran = mac.run(&["--json", "--offline"]);
    ran.is_report();
    assert_eq!(ran.causes(), [""; 0]);
}

#[test]
fn secrets_in_the_users_own_settings_are_not_told() {
    let mac = Mac::new();
    let text = format!(
        "access-tokens = github.com={TOKEN} example.com=tok3n-of-no-known-shape\nextra-access-tokens = x={TOKEN}\n\
         netrc-file = /home/alice/.netrc\nsubstituters = https://user:hunter2@cache.invalid\n\
         access-tokens github.com={TOKEN}\nbuilders = ssh-ng://a:hunter2@b x86_64-linux # {TOKEN}\n!include extra.conf\n"
    );
    mac.write("home/.config/nix/nix.conf", text);
    mac.write("home/.config/nix/extra.conf", format!("access-tokens = github.com={TOKEN}\n"));
    let report = mac.run(&["--json", "--quick", "--offline"]).is_report();
    let files = report["evidence"]["conf_files"].to_string();
    assert!(files.contains("<home-1>/.config/nix/nix.conf"), "the file was not read: {files}");
    keeps_its_secrets(&mac, &["--quick", "--offline"]);
}

#[test]
fn the_environment_is_not_told() {
    let mac = Mac::new();
    for args in [&["--json", "--offline"][..], &["-vv", "--offline"]] {
        let mut command = mac.command(args);
        for name in ["NIX_CONFIG", "GITHUB_TOKEN", "https_proxy", "NIX_SSHOPTS", "NIX_REMOTE"] {
            command.env(name, format!("https://user:hunter2@x.invalid/{TOKEN}"));
        }
        let ran = mac.launch(&mut command).end();
        ran.is_sound();
        assert!(SECRETS.iter().all(|secret| !ran.text().contains(secret)), "{}", ran.text());
    }
}

#[test]
fn settings_that_include_each_other_or_a_pipe_end() {
    let mac = Mac::new();
    let folder = mac.path("home/.config/nix");
    mac.write("home/.config/nix/nix.conf", "include a.conf\n");
    mac.write(
        "home/.config/nix/a.conf",
        "include nix.conf\ninclude ./a.conf\ninclude /dev/zero\ninclude pipe\n!include .\n",
    );
    assert!(std::process::Command::new("mkfifo").arg(folder.join("pipe")).status().unwrap().success());
    both(&mac, &["--offline", "--quick"]);
    mac.write("home/.config/nix/nix.conf", vec![0xff; 2 << 20]);
    both(&mac, &["--offline", "--quick"]);
}

// Reports that are none, or odd.

/// A real report of the imitated Mac.
fn a_report(mac: &Mac) -> Value {
    mac.run(&["--json", "--offline"]).is_report()
}

/// A real report of an imitated Mac on which much is wrong.
fn a_sick_report() -> Value {
    let mac = Mac::with_builder(drop);
    mac.program("launchctl", "printf 'Bad request.\\nCould not find service\\n' >&2; exit 113\n");
    mac.nix("build", "printf \"cannot build on 'ssh-ng://builder@linux-builder': error: failed to start SSH connection to 'linux-builder'\\n\" >&2; exit 1");
    mac.set_config(&json!({ "builders": "ssh-ng://builder@linux-builder aarch64-linux /nowhere/key 4 x kvm - c3NoLWVkMjU1MTk= extra" }));
    a_report(&mac)
}

#[track_caller]
fn refuses(text: impl AsRef<[u8]>, words: &str) {
    let mac = Mac::new();
    let path = mac.write("report.json", text.as_ref());
    mac.run(&["--from", path.to_str().unwrap()]).is_refused(words);
    mac.run_with_input(&["--from", "-", "--json"], text.as_ref()).is_refused(words);
    assert_eq!(mac.calls(), [""; 0], "nothing is asked of this machine");
}

#[test]
fn a_report_that_is_empty() {
    refuses("", "it is empty");
    refuses("\n \n", "it is empty");
}

#[test]
fn a_report_that_is_not_json() {
    refuses("hello\nworld\n", "not JSON");
    refuses("\u{feff}{}", "not JSON");
}

#[test]
fn a_report_that_is_cut_short() {
    let text = serde_json::to_string_pretty(&a_report(&Mac::new())).unwrap();
    let lengths = (0..).map(|power| 1 << power).take_while(|length| *length < text.len());
    for length in lengths.chain([text.len() - 1]) {
        refuses(&text.as_bytes()[..length], "cut short");
    }
}

#[test]
fn a_report_that_is_binary() {
    let all: Vec<u8> = (0..=255).rev().collect();
    refuses(all, "not JSON");
    refuses([0_u8; 100], "not JSON");
}

#[test]
fn a_report_that_is_other_json() {
    for text in ["[]", "[1]", "null", "1", "\"x\"", "{}", "true", "[{}, {}]"] {
        refuses(text, "no report of builder-doctor");
    }
    // Serde takes a list for a struct.
    for text in ["[1, {}]", "[1, 2, 3]", "[1, {}, {}]", "[1, [], {}]", "[[], {}]"] {
        refuses(text, "");
    }
    refuses("{\"schema_version\": 1, \"evidence\": [], \"expectations\": {}}", "evidence");
}

#[test]
fn a_report_of_a_newer_schema() {
    refuses("{\"schema_version\": 2, \"evidence\": {}}", "newer builder-doctor");
    refuses("{\"schema_version\": 18446744073709551615}", "newer builder-doctor");
}

#[test]
fn a_report_whose_schema_is_no_number() {
    for version in ["\"1\"", "-1", "1.5", "1e400", "[1]", "99999999999999999999999"] {
        refuses(format!("{{\"schema_version\": {version}, \"evidence\": {{}}}}"), "");
    }
}

#[test]
fn a_report_that_is_nested_without_end() {
    refuses("[".repeat(1 << 20), "");
    let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
    refuses(&deep, "");
    refuses(format!("{{\"schema_version\": 1, \"evidence\": {deep}, \"expectations\": {{}}}}"), "");
    refuses("{\"a\":".repeat(200_000), "");
    // What a later version added may be as deep as it likes.
    let later =
        format!("{{\"schema_version\": 1, \"x\": {deep}, \"evidence\": {{}}, \"expectations\": {{}}}}");
    Mac::new().run_with_input(&["--from", "-", "--json"], later.as_bytes()).is_sound();
}

#[test]
fn a_report_with_a_key_twice() {
    let seen = "{\"seen\": {\"fact\": {\"uid\": 1}, \"from\": \"\", \"as_whom\": \"user\"}}";
    refuses("{\"schema_version\": 1, \"schema_version\": 1, \"evidence\": {}, \"expectations\": {}}", "");
    refuses("{\"schema_version\": 1, \"evidence\": {}, \"evidence\": {}, \"expectations\": {}}", "");
    refuses(
        format!(
            "{{\"schema_version\": 1, \"evidence\": {{\"user\": {seen}, \"user\": {seen}}}, \"expectations\": {{}}}}"
        ),
        "user",
    );
}

#[test]
fn a_report_without_evidence() {
    refuses("{\"schema_version\": 1, \"evidence\": null, \"expectations\": {}}", "no evidence");
    refuses("{\"schema_version\": 1, \"evidence\": 3, \"expectations\": {}}", "evidence");
}

/// It may be a later version's: what cannot be read is unknown, and the rest is judged.
#[test]
fn a_fact_that_cannot_be_read_is_told_in_plain_words() {
    let odd = "a\\nb\\u001b[31m\\u0007\\u009b";
    for (fact, wants) in [
        (format!("\"{odd}\""), String::new()),
        (format!("{{\"{odd}\": 1}}"), String::new()),
        ("[[[3]]]".to_owned(), format!("\"{odd}\": 1")),
    ] {
        let report = format!(
            "{{\"schema_version\": 1, \"evidence\": {{\"nix\": {fact}}}, \"expectations\": {{{wants}}}}}"
        );
        let ran = Mac::new().run_with_input(&["--from", "-"], report.as_bytes());
        ran.is_plain();
        assert_eq!(ran.code, Some(3), "{}", ran.stderr);
        let json = Mac::new().run_with_input(&["--from", "-", "--json"], report.as_bytes()).json();
        let because = json["evidence"]["nix"]["blind"]["because"].as_str().unwrap().to_owned();
        assert!(because.starts_with("this version cannot read it in the report: "), "{because}");
        assert!(because.lines().count() == 1 && !because.contains('\u{1b}'), "{because:?}");
    }
}

#[test]
fn a_report_with_a_path_of_odd_characters_is_refused_in_one_plain_line() {
    Mac::new().run(&["--from", "no\nsuch\u{1b}[31mfile"]).is_refused("not found");
}

#[test]
fn a_report_larger_than_any() {
    let mac = Mac::new();
    let path = mac.path("large.json");
    std::fs::File::create(&path).unwrap().set_len(70 << 20).unwrap();
    mac.run(&["--from", path.to_str().unwrap()]).is_refused("larger than 64 MiB");
    mac.run(&["--from", "/dev/zero"]).is_refused("larger than 64 MiB");
}

#[test]
fn a_report_that_is_no_file() {
    let mac = Mac::new();
    let empty = mac.folder.join("empty");
    std::fs::create_dir(&empty).unwrap();
    mac.run(&["--from", empty.to_str().unwrap()]).is_refused("it holds no report");
    mac.run(&["--from", "/nowhere/report.json"]).is_refused("/nowhere/report.json: ");
    mac.run(&["--from", "/dev/null"]).is_refused("it is empty");
    mac.run(&["--from", "-"]).is_refused("it is empty");
    let nameless = mac.run(&["--from", ""]);
    assert_eq!(nameless.is_sound().code, Some(2));
}

#[test]
fn a_report_of_expectations_that_smuggle_in_a_command_is_refused() {
    let mac = Mac::new();
    let report = a_sick_report();
    for (path, value) in [
        ("/builder/launchd-label", json!("x; touch /tmp/x")),
        ("/builder/host", json!("-oProxyCommand=x")),
        ("/builder/systems/0", json!("x\u{1b}[31m")),
        ("/builder/port", json!(0)),
        ("/nix/minimum-version", json!("new")),
        ("/test-build/timeout", json!("soon")),
    ] {
        let mut odd = report.clone();
        *odd["expectations"].pointer_mut(path).unwrap() = value;
        mac.run_with_input(&["--from", "-"], odd.to_string().as_bytes()).is_refused("expectations");
    }
}

#[test]
fn a_report_of_an_older_doctor_that_lacks_a_fact_is_judged() {
    let mac = Mac::new();
    for report in [a_report(&mac), a_sick_report()] {
        let facts: Vec<String> = report["evidence"].as_object().unwrap().keys().cloned().collect();
        assert!(facts.len() > 15, "{facts:?}");
        let mut fewer = report.clone();
        for fact in facts {
            let mut without = report.clone();
            for report in [&mut without, &mut fewer] {
                report["evidence"].as_object_mut().unwrap().remove(&fact);
                let judged =
                    mac.run_with_input(&["--from", "-", "--json"], report.to_string().as_bytes()).is_report();
                assert_eq!(
                    judged["checks"].as_array().unwrap().len(),
                    report["checks"].as_array().unwrap().len()
                );
            }
            mac.run_with_input(&["--from", "-"], without.to_string().as_bytes()).is_plain();
        }
    }
}

#[test]
fn a_report_of_a_later_doctor_that_knows_more_is_judged() {
    let mac = Mac::new();
    let mut report = a_report(&mac);
    report["evidence"]["something_new"] = json!({ "seen": 1 });
    report["something_new"] = json!([1, 2]);
    let judged = mac.run_with_input(&["--from", "-", "--json"], report.to_string().as_bytes()).is_report();
    assert_eq!(judged["verdict"], report["verdict"]);
}

#[test]
fn a_report_read_back_is_the_same_report() {
    let sick = Mac::with_builder(drop);
    sick.program("launchctl", ESCAPES);
    for mac in [Mac::new(), sick] {
        let first = mac.run(&["--json", "--offline"]);
        let again = mac.run_with_input(&["--from", "-", "--json"], &first.stdout);
        first.is_report();
        again.is_report();
        // What differs is how long it took, and that it says where it comes from.
        let timeless = |ran: &Ran| {
            let mut report = ran.json();
            report.as_object_mut().unwrap().retain(|key, _| key != "timings" && key != "replayed");
            report.to_string()
        };
        assert_eq!(timeless(&first), timeless(&again));
        assert!(again.json()["replayed"].is_object());
        let third = mac.run_with_input(&["--from", "-", "--json"], &again.stdout);
        assert_eq!(again.text(), third.text());
    }
}

/// Calls with a path to each leaf of this kind.
fn leaves(value: &Value, path: &str, wanted: fn(&Value) -> bool, found: &mut Vec<String>) {
    let step = |key: &str| format!("{path}/{}", key.replace('~', "~0").replace('/', "~1"));
    match value {
        Value::Object(all) => all.iter().for_each(|(key, value)| leaves(value, &step(key), wanted, found)),
        Value::Array(all) => {
            all.iter().enumerate().for_each(|(i, value)| leaves(value, &step(&i.to_string()), wanted, found))
        }
        leaf if wanted(leaf) => found.push(path.to_owned()),
        _ => {}
    }
}

/// Judges a report once for each leaf of its evidence that `wanted` takes, with `change` done to the leaf.
fn judged_with_each(wanted: fn(&Value) -> bool, changes: &[fn(&Value) -> Value]) {
    let mac = Mac::new();
    let mut faults = Vec::new();
    for report in [a_report(&mac), a_sick_report()] {
        let mut paths = Vec::new();
        leaves(&report["evidence"], "", wanted, &mut paths);
        assert!(!paths.is_empty());
        for path in paths {
            for change in changes {
                let mut odd = report.clone();
                let leaf = odd["evidence"].pointer_mut(&path).unwrap();
                *leaf = change(leaf);
                let ran = mac.run_with_input(&["--from", "-", "-v"], odd.to_string().as_bytes());
                let raw = |text: &str| text.chars().any(|c| c.is_control() && c != '\n');
                let what = match ran.code {
                    _ if ran.stderr.contains("panicked") => "panics",
                    _ if ran.is_flood() => "prints without measure",
                    Some(0 | 1 | 3) if raw(ran.text()) => "prints control characters",
                    Some(0 | 1 | 3) => continue,
                    Some(2) if ran.stderr.lines().count() != 1 || raw(&ran.stderr) => {
                        "is refused in more than a plain line"
                    }
                    Some(2) => continue,
                    _ => "ends oddly",
                };
                faults.push(format!("{path} {what}: {}", ran.stderr.chars().take(200).collect::<String>()));
            }
        }
    }
    faults.dedup();
    assert!(faults.is_empty(), "{} faults: {faults:#?}", faults.len());
}

#[test]
fn a_report_whose_words_are_orders_to_the_terminal_is_judged_in_plain_text() {
    let poisoned: fn(&Value) -> Value =
        |text| json!(format!("{}\u{1b}[31m\u{7}\u{9b}2J\r\nx", text.as_str().unwrap()));
    judged_with_each(Value::is_string, &[poisoned]);
}

#[test]
fn a_report_whose_words_are_empty_or_foreign_is_judged() {
    judged_with_each(Value::is_string, &[|_| json!(""), |_| json!("\u{1f980}é\u{301}".repeat(300))]);
}

#[test]
fn a_report_whose_numbers_are_beyond_all_measure_is_judged() {
    judged_with_each(
        Value::is_number,
        &[
            |_| json!(u64::MAX),
            |_| json!(i64::MAX),
            |_| json!(u32::MAX),
            |_| json!(i64::MIN),
            |_| json!(0),
            |_| json!(1e308),
        ],
    );
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 40, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn a_report_with_bytes_changed_is_judged_or_refused(changes in proptest::collection::vec((any::<usize>(), any::<u8>()), 1..4)) {
        static REPORT: LazyLock<String> = LazyLock::new(|| a_report(&Mac::new()).to_string());
        let mac = Mac::new();
        let mut bytes = REPORT.clone().into_bytes();
        for (at, byte) in changes {
            let at = at % bytes.len();
            bytes[at] = byte;
        }
        let ran = mac.run_with_input(&["--from", "-"], &bytes);
        ran.is_plain();
        prop_assert!(ran.code != Some(2) || ran.stderr.lines().count() == 1, "{}", ran.stderr);
    }
}

// Signals.

#[track_caller]
fn interrupted_by(signal: Signal) {
    let mac = Mac::new();
    mac.nix("config show", STUBBORN);
    mac.nix("build", STUBBORN);
    mac.program("launchctl", STUBBORN);
    let running = mac.start(&["--json", "--offline"]);
    mac.wait_for_call("launchctl print");
    running.signal(signal);
    let ran = running.end();
    assert_eq!((ran.code, ran.signal), (Some(130), None), "{}", ran.stderr);
    assert!(!ran.stderr.contains("panicked"), "{}", ran.stderr);
    assert!(ran.json()["evidence"].is_object());
    assert!(ran.took < support::GENEROUS, "took {:?}", ran.took);
}

#[test]
fn an_interrupt_ends_a_hanging_run_with_a_report() {
    interrupted_by(Signal::INT);
}

#[test]
fn a_termination_ends_a_hanging_run_with_a_report() {
    interrupted_by(Signal::TERM);
}

#[test]
fn a_hang_up_ends_a_hanging_run_with_a_report() {
    interrupted_by(Signal::HUP);
}

#[test]
fn a_second_interrupt_leaves_no_child_either() {
    let mac = Mac::new();
    mac.nix("build", STUBBORN);
    mac.expect("60s");
    let running = mac.start(&["--json", "--offline"]);
    mac.wait_for_call("nix --extra-experimental-features nix-command flakes build");
    running.signal(Signal::INT);
    // Two at once may be told as one, so a moment later; but before the stubborn ones are killed.
    std::thread::sleep(Duration::from_millis(100));
    running.signal(Signal::INT);
    assert_eq!(running.end().code, Some(130));
}

#[test]
fn an_interrupted_run_takes_root_s_look_with_it() {
    let mac = Mac::new();
    mac.program("sudo", "PATH=$here/bin:/usr/bin:/bin; export PATH; shift 2; exec \"$@\"\n");
    mac.nix("--store", STUBBORN);
    let running = mac.start(&["--json", "--offline", "--quick", "--sudo"]);
    mac.wait_for_call("--store ssh-ng://");
    running.signal(Signal::INT);
    let ran = running.end();
    assert_eq!(ran.code, Some(130));
    assert!(ran.json()["evidence"].is_object());
}

#[test]
fn an_interrupt_ends_the_wait_for_a_report_on_standard_input() {
    let mac = Mac::new();
    let (reader, writer) = std::io::pipe().unwrap();
    let running = mac.launch(mac.command(&["--from", "-"]).stdin(reader));
    // Until the handler is in place, a signal ends the program by itself, which is as good.
    std::thread::sleep(Duration::from_millis(500));
    running.signal(Signal::INT);
    let ran = running.end();
    drop(writer);
    assert!(ran.code == Some(130) || ran.signal == Some(2), "{:?} {:?}", ran.code, ran.signal);
}

#[test]
fn an_interrupt_ends_the_wait_for_a_silent_port() {
    let mac = Mac::with_builder(|_open| {
        loop {
            std::thread::park();
        }
    });
    mac.nix("build", STUBBORN);
    let running = mac.start(&["--json", "--offline"]);
    mac.wait_for_call("ssh -G");
    mac.wait_for_call(" build ");
    running.signal(Signal::INT);
    let ran = running.end();
    assert_eq!(ran.code, Some(130));
    assert!(ran.json()["evidence"].is_object());
}
