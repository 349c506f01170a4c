//! Gathering on a machine made of maps.

use super::*;
use crate::host::scripted::Scripted;
use crate::host::{Answer, Greeting};
use std::net::{Ipv4Addr, Ipv6Addr};

/// A healthy Mac. What it prints is what the parsers' tests have; only the way of asking is tested here.
pub(crate) fn mac() -> Scripted {
    let nix = "/run/current-system/sw/bin/nix";
    let flags = "--extra-experimental-features 'nix-command flakes'";
    let drv = "/nix/store/0c0j2lzmgbmzk4gvbvbvbvbvbvbvbvbv-builder-doctor-1.drv";
    let job = |label: &str| format!("system/{label} = {{\n\tstate = running\n\truns = 1\n\tpid = 383\n}}\n");
    let mut host = Scripted::default()
        .program("nix", nix)
        .says("uname -sm", "Darwin arm64\n")
        .says("sw_vers", "ProductName:\t\tmacOS\nProductVersion:\t\t26.6.2\nBuildVersion:\t\t25G83\n")
        .says("sysctl hw.memsize", "hw.memsize: 38654705664\nmachdep.cpu.brand_string: Apple M3 Pro\nhw.model: Mac15,7\nkern.hv_support: 1\nsysctl.proc_translated: 0\n")
        .says("dscl . -list /Users UniqueID", "_nixbld1 351\nalice 501\nroot 0\n")
        .says("dscl . -read /Groups/nixbld", "GroupMembership: _nixbld1\nPrimaryGroupID: 350\n")
        .says("df -k", "Filesystem 1024-blocks Used Available Capacity Mounted on\n/dev/disk3s7 971350180 1 412000000 1% /nix\n")
        .says("id", "uid=501(alice) gid=20(staff) groups=20(staff)\n")
        .says(&format!("{nix} --version"), "nix (Nix) 2.34.8\n")
        .says(&format!("{nix} config show --json"), r#"{"builders":{"value":"@/etc/nix/machines"},"substituters":{"value":["https://cache.nixos.org/","https://nix-postgres-artifacts.s3.amazonaws.com"]},"trusted-public-keys":{"value":["cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=","nix-postgres-artifacts:dGZlQOvKcNEjvT7QEAJbcV6b6uk7VF/hWMjhYleiaLI="]},"experimental-features":{"value":["nix-command","flakes"]},"system":{"value":"aarch64-darwin"},"ssl-cert-file":{"value":"/etc/ssl/certs/ca-certificates.crt"},"access-tokens":{"value":{"github.com":"ghp_secret"}}}"#)
        .says(&format!("{nix} {flags} store info"), r#"{"trusted":false,"url":"daemon","version":"2.34.8"}"#)
        .says("launchctl print system/org.nixos.linux-builder", &job("org.nixos.linux-builder"))
        .says("launchctl print system/org.nixos.nix-daemon", &job("org.nixos.nix-daemon"))
        .says("launchctl print-disabled", "\tdisabled services = {\n\t}\n")
        .says("ps -o etime=", "02:00:11\n")
        .says("ssh -G", "user builder\nhostname localhost\nport 31022\nidentityfile /etc/nix/builder_ed25519\n")
        .says("ssh-keyscan", "# 127.0.0.1:31022 SSH-2.0-OpenSSH_10.2\n[127.0.0.1]:31022 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJBWcxb/Blaqt1auOtE+F8QUWrUotiC5qBJ+UuEWdVCb\n")
        .file("/run", "")
        .file("/etc/synthetic.conf", "nix\nrun\tprivate/var/run\n")
        .file("/run/current-system/darwin-version.json", "{\"darwinLabel\":\"26.05.56c666e\"}")
        .file("/etc/nix/machines", healthy::MACHINES)
        .file("/etc/nix/nix.conf", healthy::NIX_CONF)
        .file("/etc/nix/builder_ed25519", "never read")
        .says("lsof", "p412\ncqemu-system-aarch64\nf12\n")
        .file("/etc/ssl/certs/ca-certificates.crt", "-----BEGIN CERTIFICATE-----\n");
    let built = crate::host::Output {
        code: Some(0),
        stderr: format!("building '{drv}' on 'ssh-ng://builder@linux-builder'...\n"),
        ..Default::default()
    };
    host.commands.insert(format!("{nix} {flags} build"), built);
    let view = r#"{"uri":"ssh-ng://builder@linux-builder","login":{"trusted":true,"version":"2.34.8","succeeded":true}}"#;
    host = host.says("sudo --non-interactive -- /usr/local/bin/builder-doctor look-as-root", view);
    host.ports.insert(31022, Greeting::Line("SSH-2.0-OpenSSH_10.2".to_owned()));
    for url in ["https://cache.nixos.org", "https://nix-postgres-artifacts.s3.amazonaws.com"] {
        let body = "StoreDir: /nix/store\nWantMassQuery: 1\nPriority: 40\n".to_owned();
        let url = format!("{url}/nix-cache-info");
        host.pages.insert(url.clone(), Answer { status: 200, url, body });
    }
    let store = "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8";
    host.links.insert(nix.into(), format!("{store}/bin/nix").into());
    let info = r#"{"trusted":false,"url":"daemon","version":"2.34.8"}"#;
    host =
        host.file(&format!("{store}/bin/nix"), "").says(&format!("{store}/bin/nix {flags} store info"), info);
    let url = "https://cache.nixos.org/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc.narinfo".to_owned();
    let body = format!("StorePath: {store}\nSig: cache.nixos.org-1:AAAA\n");
    host.pages.insert(url.clone(), Answer { status: 200, url, body });
    host.addresses.insert("cache.nixos.org".to_owned(), vec![V4.into(), V6.into()]);
    host.ports.insert(443, Greeting::Silent(std::time::Duration::ZERO));
    host
}

const V4: Ipv4Addr = Ipv4Addr::new(151, 101, 2, 217);
const V6: Ipv6Addr = Ipv6Addr::new(0x2a04, 0x4e42, 0, 0, 0, 0, 0, 729);

fn gathered(host: &Scripted, wanted: &Wanted) -> Evidence {
    gather(host, &Expectations::default(), wanted, &Progress::default()).0
}

fn everything() -> Wanted {
    Wanted { deep: true, root: RootAccess::Sudo, ..Wanted::default() }
}

#[test]
fn a_clock_that_was_put_back_makes_no_change_of_a_file_new() {
    let mut host = mac();
    let paths = |e: &Evidence| e.conf_changes().unwrap().iter().map(|it| it.path.clone()).collect::<Vec<_>>();
    assert!(paths(&gathered(&host, &everything())).contains(&"/etc/nix/nix.conf".to_owned()));
    host.written_at = host.now() + 3600;
    assert_eq!(paths(&gathered(&host, &everything())), [""; 0]);
}

/// Invariant 2. Update with `INSTA_UPDATE=always cargo test`: a new line here is a new thing done to a Mac.
#[test]
fn the_complete_list_of_commands_that_looking_runs() {
    let host = mac();
    gathered(&host, &everything());
    let as_root = mac();
    let dial = root_view::Request {
        nix: "/run/current-system/sw/bin/nix".to_owned(),
        scheme: "ssh-ng".to_owned(),
        host: "linux-builder".to_owned(),
        user: Some("builder".to_owned()),
        port: None,
        key: Some("/etc/nix/builder_ed25519".to_owned()),
        host_key: Some("HOST-KEY".to_owned()),
        public_key: Some("ssh-ed25519 KEY root@nixos".to_owned()),
    };
    let here = root_host::Places {
        alias: "linux-builder".to_owned(),
        folder: Some("/var/lib/linux-builder".to_owned()),
        key: Some("/etc/nix/builder_ed25519".to_owned()),
        port: Some(31022),
        // Asked only where the job does not run.
        stopped_job: Some("org.nixos.linux-builder".to_owned()),
    };
    root_view::look_as_root(&as_root, &root_view::Errand { dial: Some(dial), here });
    let text =
        format!("{}\n\nas root, with --sudo:\n{}", host.asked().join("\n"), as_root.asked().join("\n"));
    let mut stuck = mac();
    for output in stuck.commands.iter_mut().filter(|(name, _)| name.ends_with(" build")).map(|(_, it)| it) {
        output.code = None;
        output.stopped = Some(crate::host::Stopped::Deadline(std::time::Duration::from_secs(60)));
    }
    gathered(&stuck, &everything());
    let more: Vec<String> = stuck.asked().into_iter().filter(|it| !host.asked().contains(it)).collect();
    let text = format!("{text}\n\nwhere a test build does not end:\n{}", more.join("\n"));
    let derivation = mac();
    let _ = derivation::required(&derivation, "nixpkgs#hello", Duration::from_secs(90));
    let text = format!("{text}\n\nfor why, given a derivation:\n{}", derivation.asked().join("\n"));
    let mut cut_off = mac();
    cut_off.pages.clear();
    cut_off.untrusted.push("https://cache.nixos.org".to_owned());
    gathered(&cut_off, &everything());
    let mut private = mac();
    private.pages.values_mut().for_each(|page| page.status = 401);
    gathered(&private, &everything());
    let more = cut_off.asked().into_iter().chain(private.asked());
    let more: Vec<String> = more.filter(|it| !host.asked().contains(it)).collect();
    let text = format!("{text}\n\nwhere the caches are out of reach, or want a login:\n{}", more.join("\n"));
    let own = with_own_ssh_config();
    gathered(&own, &everything());
    let more: Vec<String> = own.asked().into_iter().filter(|it| !host.asked().contains(it)).collect();
    let text = format!("{text}\n\nwhere the user has ssh settings of their own:\n{}", more.join("\n"));
    let mut settings = insta::Settings::clone_current();
    settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots"));
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!("commands", text));
}

#[test]
fn one_scan_reaches_the_builders_port_and_a_connection_only_where_it_shows_nothing() {
    let knocks = |host: &Scripted| {
        gathered(host, &Wanted { no_builds: Some("--quick".to_owned()), ..Wanted::default() });
        let knock = |it: &String| it.starts_with("connect to 127.0.0.1") || it.starts_with("ssh-keyscan");
        host.asked().into_iter().filter(knock).count()
    };
    assert_eq!(knocks(&mac()), 1);
    assert_eq!(knocks(&mac().fails("ssh-keyscan", "")), 2);
}

fn with_own_ssh_config() -> Scripted {
    let mut host = mac()
        .file("/Users/alice/.ssh/config", "Host *\n  Port 2222\n")
        .file("/etc/ssh/ssh_config", "Include /etc/ssh/ssh_config.d/*\n");
    host.variables.insert("HOME".to_owned(), "/Users/alice".to_owned());
    host
}

#[test]
fn the_users_own_ssh_settings_are_left_out_where_the_daemon_dials() {
    let asked = |host: &Scripted, root| {
        let wanted = Wanted { no_builds: Some("--quick".to_owned()), root, ..Wanted::default() };
        gathered(host, &wanted);
        host.asked().into_iter().find(|it| it.starts_with("ssh -G")).unwrap()
    };
    assert_eq!(asked(&mac(), RootAccess::No), "ssh -G -- linux-builder");
    assert_eq!(
        asked(&with_own_ssh_config(), RootAccess::No),
        "ssh -G -F /etc/ssh/ssh_config -- linux-builder"
    );
    let relative = with_own_ssh_config().file("/etc/ssh/ssh_config", "Include ssh_config.d/*\n");
    assert_eq!(asked(&relative, RootAccess::No), "ssh -G -- linux-builder");
    assert_eq!(asked(&with_own_ssh_config(), RootAccess::Already), "ssh -G -- linux-builder");
}

#[test]
fn root_looks_at_the_mac_though_there_is_nobody_to_dial() {
    let asked = |host: &Scripted| {
        let wanted =
            Wanted { no_builds: Some("--quick".to_owned()), root: RootAccess::Already, ..Wanted::default() };
        let e = gathered(host, &wanted);
        let why = e.root_view().unwrap().no_login.clone();
        assert_eq!(e.root_host().unwrap().listeners.as_ref().map(Vec::len), Some(1));
        let dials = |it: &&String| it.contains("store info --json --store") || it.contains(" -x -T ");
        (host.asked().iter().filter(dials).count(), why)
    };
    // At most two logins, and none where nobody speaks SSH.
    let login = format!(
        "{} {} store info --json --store",
        "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8/bin/nix",
        "--extra-experimental-features 'nix-command flakes'"
    );
    let open =
        mac().says(&login, r#"{"trusted":true,"url":"ssh-ng://builder@linux-builder","version":"2.34.8"}"#);
    assert_eq!(asked(&open), (2, None));
    let mut silent = mac().fails("ssh-keyscan", "");
    silent.ports.insert(31022, Greeting::Closed);
    assert_eq!(asked(&silent), (0, Some("nothing speaks SSH at 127.0.0.1:31022".to_owned())));
    let mut bare = mac();
    bare.files.remove(std::path::Path::new("/etc/nix/machines"));
    let none = "no machine that offers Linux is declared, so there is none to dial";
    assert_eq!(asked(&bare), (0, Some(none.to_owned())));
}

#[test]
fn what_runs_in_the_background_is_asked_as_root_alone_and_where_the_job_does_not_run() {
    let asked = |host: Scripted, root| {
        gathered(&host, &Wanted { no_builds: Some("--quick".to_owned()), root, ..Wanted::default() });
        let requests = host.asked();
        (
            requests.iter().any(|it| it.starts_with("sfltool")),
            requests.iter().any(|it| it.starts_with("sudo") && it.contains("\"stopped_job\":\"org.nixos")),
        )
    };
    let stopped = || {
        let plist = "<plist version=\"1.0\"><dict><key>Label</key><string>org.nixos.linux-builder</string></dict></plist>";
        mac()
            .fails(
                "launchctl print system/org.nixos.linux-builder",
                "Bad request.\nCould not find service \"org.nixos.linux-builder\" in domain for system\n",
            )
            .file("/Library/LaunchDaemons/org.nixos.linux-builder.plist", plist)
    };
    assert_eq!(asked(mac(), RootAccess::Already), (false, false));
    assert_eq!(asked(stopped(), RootAccess::No), (false, false));
    assert_eq!(asked(stopped(), RootAccess::Sudo), (false, true));
    assert_eq!(asked(stopped(), RootAccess::Already), (true, false));
}

#[test]
fn a_healthy_mac_is_gathered_as_healthy() {
    use crate::diagnosis::{Selection, State, diagnose};
    let e = gathered(&mac(), &everything());
    let diagnosis = diagnose(&crate::checks::all(), &e, &Expectations::default(), &Selection::default());
    let found: Vec<_> =
        diagnosis.findings().map(|(judged, finding, _)| (judged.check.id, &finding.seen)).collect();
    assert!(found.is_empty(), "{found:?}");
    assert_eq!(diagnosis.state, State::Healthy);
}

/// Of more machines than ssh is asked about, no check asks: it could only say that it cannot tell.
#[test]
fn many_healthy_machines_are_healthy() {
    use crate::diagnosis::{Selection, State, diagnose};
    let line = |n: u32| healthy::MACHINES.replace("linux-builder", &format!("server{n}"));
    let machines: String = (0..12).map(line).collect();
    let mut host = mac().file("/etc/nix/machines", &machines);
    for n in 0..12 {
        let view =
            format!("user builder\nhostname 192.0.2.{n}\nport 22\nidentityfile /etc/nix/builder_ed25519\n");
        host = host.says(&format!("ssh -G -- server{n}"), &view);
    }
    let e = gathered(&host, &Wanted { no_builds: Some("--quick".to_owned()), ..Wanted::default() });
    let want = Expectations::default();
    assert_eq!(e.builder_hosts(&want).len(), ssh::MOST);
    let diagnosis = diagnose(&crate::checks::all(), &e, &want, &Selection::default());
    let findings: Vec<_> =
        diagnosis.findings().map(|(it, finding, _)| (it.check.id, &finding.seen)).collect();
    assert_eq!(findings, []);
    let of_ssh = |judged: &&crate::diagnosis::Judged| judged.check.layer == crate::check::Layer::Ssh;
    for judged in diagnosis.results.iter().filter(of_ssh) {
        let open = matches!(&judged.verdict, crate::check::Verdict::Unknown(missing) if !missing.by_choice);
        assert!(!open, "{}: {:?}", judged.check.id, judged.verdict);
    }
    assert_eq!(diagnosis.state, State::Healthy);
}

#[test]
fn secrets_and_keys_never_become_evidence() {
    let e = gathered(&mac(), &everything());
    let text = serde_json::to_string(&e).unwrap();
    assert!(!text.contains("ghp_secret") && !text.contains("access-tokens") && !text.contains("never read"));
}

#[test]
fn who_signs_at_a_cache_and_whether_both_kinds_of_addresses_answer() {
    let e = gathered(&mac(), &everything());
    let narinfo = e.caches().unwrap().answers[0].known_path.clone().unwrap().narinfo.unwrap();
    assert_eq!(narinfo.signers, ["cache.nixos.org-1"]);
    assert_eq!(e.caches().unwrap().answers[1].known_path, None);
    let ways = &e.network().unwrap().ways;
    assert!(ways.len() == 1 && ways[0].is_open() && ways[0].v6.is_some(), "{ways:?}");
    let quick = Wanted { no_builds: Some("--quick".to_owned()), ..Wanted::default() };
    let host = mac();
    let e = gathered(&host, &quick);
    assert!(e.network().is_err_and(|missing| missing.by_choice));
    assert!(e.caches().unwrap().answers.iter().all(|it| it.known_path.is_none()));
    assert!(!host.asked().iter().any(|it| it.contains("narinfo") || it.contains(":443")));
}

#[test]
fn a_proxys_login_is_no_evidence() {
    let mut host = mac();
    host.variables.insert("https_proxy".to_owned(), "http://alice:hunter2@proxy.corp:3128".to_owned());
    let e = gathered(&host, &everything());
    let proxy = e.network().unwrap().proxy.clone().unwrap();
    assert_eq!((proxy.at.host.as_str(), proxy.at.port, proxy.answers), ("proxy.corp", 3128, false));
    assert_eq!(e.network().unwrap().ways.len(), 2);
    assert!(!serde_json::to_string(&e).unwrap().contains("hunter2"));
    host.variables.insert("no_proxy".to_owned(), "*".to_owned());
    assert_eq!(gathered(&host, &everything()).network().unwrap().proxy, None);
}

#[test]
fn a_login_that_a_cache_wants_is_looked_for_by_its_files_name() {
    let flags = "--extra-experimental-features 'nix-command flakes'";
    let command = format!("/run/current-system/sw/bin/nix {flags} config show netrc-file");
    let path = "/Users/alice/.netrc";
    let mut host =
        mac().says(&command, &format!("{path}\n")).file(path, "machine x login y password hunter2");
    for page in host.pages.values_mut() {
        page.status = 401;
    }
    let e = gathered(&host, &everything());
    let netrc = e.caches().unwrap().netrc.clone().unwrap();
    assert_eq!((netrc.usual_place, netrc.exists), (false, Some(true)));
    let text = serde_json::to_string(&e).unwrap();
    assert!(!text.contains("hunter2") && !text.contains(path));
}

#[test]
fn a_machine_without_anything_still_gives_a_full_report() {
    let (e, timings) =
        gather(&Scripted::default(), &Expectations::default(), &everything(), &Progress::default());
    assert_eq!(timings.len(), FACTS.len());
    assert!(e.platform().is_err());
    assert_eq!(e.nix().unwrap().path, None);
}

#[test]
fn evidence_reads_back_as_it_was_written() {
    let e = gathered(&mac(), &everything());
    let text = serde_json::to_string(&e).unwrap();
    assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), e);
    let healthy = healthy::evidence();
    let text = serde_json::to_string(&healthy).unwrap();
    assert_eq!(serde_json::from_str::<Evidence>(&text).unwrap(), healthy);
}

#[test]
fn of_a_few_facts_only_these_are_asked_for() {
    assert!(crate::why::FACTS.iter().all(|fact| FACTS.contains(fact)));
    let host = mac();
    let e = gathered(&host, &Wanted::only(crate::why::FACTS));
    assert_eq!(e.machines().unwrap().machines.len(), 1);
    assert!(e.settings().is_ok() && e.managers().is_ok());
    assert!(e.ssh().is_err_and(|missing| missing.by_choice));
    let asked = host.asked();
    let few = [
        "uname",
        "sw_vers",
        "sysctl",
        "df",
        "NIX_PAGER=cat /run/current-system/sw/bin/nix config show",
        "NIX_PAGER=cat NIX_REMOTE=daemon /run/current-system/sw/bin/nix",
    ];
    assert!(asked.iter().all(|it| few.iter().any(|start| it.starts_with(start))), "{asked:?}");
}

#[test]
fn what_was_not_wanted_was_not_taken() {
    let host = mac();
    let no = |why: &str| Some(why.to_owned());
    let e =
        gathered(&host, &Wanted { no_builds: no("--quick"), offline: no("--offline"), ..Wanted::default() });
    for missing in [e.builds().err(), e.caches().err(), e.root_view().err()] {
        assert!(missing.is_some_and(|missing| missing.by_choice));
    }
    let asked = host.asked();
    assert!(
        !asked.iter().any(|it| it.contains(" build ") || it.starts_with("GET") || it.starts_with("sudo")),
        "{asked:?}"
    );
}

/// The same Mac, whose VM keeps crashing; the log and the crash report are short, the parsers' tests have real ones.
fn crashing_mac() -> Scripted {
    let start = "/nix/store/6ae4e11ffa8e9431028e719342b72e54-linux-builder-start";
    let qemu =
        "/nix/store/9s1bq8p4gkmb54a0sx5h9h6lq5ga1qjb-qemu-host-cpu-only-11.0.1/bin/qemu-system-aarch64";
    let job = format!(
        "system/org.nixos.linux-builder = {{\n\tstate = spawn scheduled\n\targuments = {{\n\t\texec {start}\n\t}}\n\tstderr \
         path = /var/log/builder.log\n\truns = 9\n\tlast exit code = 134\n}}\n"
    );
    let mut host = mac()
        .says("launchctl print system/org.nixos.linux-builder", &job)
        .fails("ssh-keyscan", "")
        .file(start, "export TMPDIR=/run/x USE_TMPDIR=1\n/nix/store/0-create-builder/bin/create-builder\n")
        .file(
            "/nix/store/0-create-builder/bin/create-builder",
            "KEYS=x /nix/store/1-nixos-vm/bin/run-nixos-vm\n",
        )
        .file(
            "/nix/store/1-nixos-vm/bin/run-nixos-vm",
            &format!("exec {qemu} -m 3072 -smp 1 \\\n  -nographic\n"),
        )
        .file("/var/log/builder.log", "Created Nix store image.\n")
        .file("/Library/Logs/DiagnosticReports/safari-2026-06-05-104233.ips", "{}\n{}")
        .file(
            "/Library/Logs/DiagnosticReports/qemu-system-aarch64-2026-06-05-104233.ips",
            "{}\n{\"exception\":{\"signal\":\"SIGABRT\"}}",
        );
    host.ports.clear();
    host
}

#[test]
fn what_a_crash_leaves_is_gathered_where_the_vm_crashes_and_only_there() {
    let e = gathered(&crashing_mac(), &Wanted { no_builds: Some("--quick".to_owned()), ..Wanted::default() });
    let program = e.vm_program().unwrap();
    assert_eq!(program.scripts.len(), 3);
    assert_eq!(program.says.qemu_version.as_deref(), Some("11.0.1"));
    assert_eq!(program.tmpdir_exists, Some(false));
    assert!(program.missing.as_ref().is_some_and(|path| path.ends_with("qemu-system-aarch64")));
    let reports = e.crash_reports().unwrap();
    assert_eq!(reports.names, ["qemu-system-aarch64-2026-06-05-104233.ips"]);
    assert_eq!(reports.newest.as_ref().unwrap().says.signal.as_deref(), Some("SIGABRT"));
    assert_eq!(e.builder_log().unwrap().lines, ["Created Nix store image."]);
    let well = gathered(&mac(), &everything());
    for missing in [well.crash_reports().err(), well.builder_log().err()] {
        assert!(missing.is_some_and(|missing| missing.by_choice));
    }
}

/// Crash reports name the job that crashed by its label, and that is not the usual one everywhere.
#[test]
fn the_crash_reports_of_a_job_by_another_label_are_its_own() {
    let label = "com.example.linux-builder";
    let usual = "org.nixos.linux-builder";
    let mut host = crashing_mac();
    for (command, output) in std::mem::take(&mut host.commands) {
        let stdout = output.stdout.replace(usual, label);
        host.commands.insert(command.replace(usual, label), crate::host::Output { stdout, ..output });
    }
    let report = "/Library/Logs/DiagnosticReports/qemu-system-aarch64-2026-06-05-104233.ips";
    let host = host.file(&format!("/Library/LaunchDaemons/{label}.plist"), "").file(
        report,
        &format!("{{}}\n{{\"coalitionName\":\"{label}\",\"exception\":{{\"signal\":\"SIGABRT\"}}}}"),
    );
    let e = gathered(&host, &Wanted { no_builds: Some("--quick".to_owned()), ..Wanted::default() });
    assert_eq!(e.builder_job().unwrap().label, label);
    assert_eq!(e.crash_reports().unwrap().newest.as_ref().unwrap().says.signal.as_deref(), Some("SIGABRT"));
}
