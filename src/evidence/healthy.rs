//! The machine from which every example starts: a Mac on which all is well.
//!
//! The texts are real ones: what nix-darwin writes, what Nix 2.34.8 and launchd (macOS 26) print. What no
//! public capture shows (`launchctl print` of the builder's own job) is the daemon's with other names.

use super::build_users::BuildUsers;
use super::builds::{BuildRun, Ended};
use super::caches::{Bundle, BundleState, CacheReply, CacheView, Caches, KnownPath};
use super::conf_files::Change;
use super::custom_conf::CustomConf;
use super::file_times::FileTime;
use super::flavour::{BuilderJob, Flavour};
use super::key_files::{KeyFile, KeyState};
use super::key_pair::{HalfState, INSTALLED, KeyPair, PublicHalf, own_path};
use super::machines::MachinesFile;
use super::network::{End, Knock, Network, Way};
use super::nix_config::ConfigView;
use super::nix_daemon::NixDaemon;
use super::nixpkgs::Nixpkgs;
use super::port::{HostKeyView, PortAnswer, PortView};
use super::root_host::{Image, ImageState, RootHost};
use super::root_view::{Guest, RootView};
use super::roots::Roots;
use super::service::{PlistFile, PlistOwner, PlistState, Service};
use super::setup::{PLACED, PortUse, Setup, Standing, What};
use super::ssh::{Localhost, SshFile, SshHost};
use super::state_folder::StateFolder;
use super::stopped::{self, Stopped};
use super::user_env::UserEnv;
use super::vm_program::{CertFile, CertState, VmProgram};
use super::{Evidence, Probe, Whom, left_over_daemon, managers, nix, nix_volume, platform, shell_hooks};
use crate::expectations::Expectations;
use crate::parse::build_log::{self, BuildLog};
use crate::parse::cache_info::Narinfo;
use crate::parse::host_key::{STOCK_HOST_KEY, parse_public_key, parse_scan};
use crate::parse::launchd::{parse_plist, parse_print};
use crate::parse::listeners::Listener;
use crate::parse::machines::{FileRead, Machines};
use crate::parse::platform::Df;
use crate::parse::vm_program::{Backend, VmScripts};
use crate::parse::{conf_files, machines, nix_config, ssh_config, store_info, version};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

/// What nix-darwin writes for one builder that offers both Linux systems.
pub const MACHINES: &str = "ssh-ng://builder@linux-builder aarch64-linux,x86_64-linux /etc/nix/builder_ed25519 4 1 \
     kvm,benchmark,big-parallel,nixos-test - \
     c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=\n";

/// nix-darwin's nix.conf (nix-darwin a1fa429e).
pub const NIX_CONF: &str = "\
# WARNING: this file is generated from the nix.* options in
# your nix-darwin configuration. Do not edit it!
allowed-users = *
builders-use-substitutes = true
experimental-features = nix-command flakes
max-jobs = auto
substituters = https://cache.nixos.org/
trusted-public-keys = cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY=
trusted-users = root
extra-substituters = https://nix-postgres-artifacts.s3.amazonaws.com
extra-trusted-public-keys = nix-postgres-artifacts:dGZlQOvKcNEjvT7QEAJbcV6b6uk7VF/hWMjhYleiaLI=
";

const SSH_G: &str = "\
host linux-builder
user builder
hostname localhost
port 31022
identityfile /etc/nix/builder_ed25519
hostkeyalias linux-builder
stricthostkeychecking ask
";

/// The shape of nix-daemon's (macOS 26.6.2), with the builder's names.
const PRINTED: &str = "\
system/LABEL = {
	active count = 1
	path = /Library/LaunchDaemons/LABEL.plist
	type = LaunchDaemon
	state = running

	program = /bin/sh
	arguments = {
		/bin/sh
		-c
		/bin/wait4path /nix/store && exec /nix/store/6ae4e11ffa8e9431028e719342b72e54-START
	}

	environment = {
		NIX_SSL_CERT_FILE => /etc/ssl/certs/ca-certificates.crt
		XPC_SERVICE_NAME => LABEL
	}

	domain = system
	minimum runtime = 10
	runs = 1
	pid = 383
	last exit code = (never exited)

	resource coalition = {
		ID = 397
		state = active
	}
}
";

/// nix-darwin's, shortened.
const PLIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>EnvironmentVariables</key><dict><key>NIX_SSL_CERT_FILE</key><string>/etc/ssl/certs/ca-certificates.crt</string></dict>
<key>KeepAlive</key><true/><key>Label</key><string>LABEL</string>
<key>ProgramArguments</key><array><string>/bin/sh</string><string>-c</string><string>/bin/wait4path /nix/store</string></array>
<key>RunAtLoad</key><true/><key>WorkingDirectory</key><string>/var/lib/linux-builder</string>
</dict></plist>
"#;

/// What stands at one of the files that a configuration places.
pub fn stands(path: &str, is: What) -> Standing {
    Standing { path: path.to_owned(), is, has_backup: false }
}

/// A Mac with Nix and nothing else: nobody's files, and the port free.
pub fn nothing_set_up(e: &mut Evidence) {
    no_builder(e);
    if let Probe::Seen { fact, .. } = &mut e.managers {
        fact.nix_darwin = None;
    }
    e.builder_jobs = Probe::seen(Vec::new(), "/Library/LaunchDaemons");
    set_setup(e, |it| {
        it.port = Some(PortUse::Free);
        it.files.iter_mut().for_each(|file| file.is = What::Nothing);
    });
}

/// Changes what a set-up would meet.
pub fn set_setup(e: &mut Evidence, change: impl FnOnce(&mut Setup)) {
    if let Probe::Seen { fact, .. } = &mut e.setup {
        change(fact);
    }
}

/// A Mac on which all is well, seen with `--sudo --deep`.
pub fn evidence() -> Evidence {
    let want = Expectations::default();
    let mut e = Evidence {
        platform: Probe::seen(platform(), "uname"),
        user: Probe::seen(platform::User { uid: 501, name: Some("alice".to_owned()) }, "id"),
        managers: Probe::seen(
            managers::Managers {
                nix_darwin: Some("/run/current-system/darwin-version.json".to_owned()),
                determinate: None,
            },
            "paths",
        ),
        roots: Probe::seen(
            Roots {
                run: Some(true),
                nix: Some(true),
                synthetic: Some(vec!["nix".to_owned(), "run".to_owned()]),
                installed: None,
            },
            "lstat",
        ),
        nix_volume: Probe::not_taken(nix_volume::NIX_IS_THERE),
        build_users: Probe::seen(
            BuildUsers { group: "nixbld".to_owned(), gid: Some(350), members: 32, ..BuildUsers::default() },
            "dscl",
        ),
        shell_hooks: Probe::not_taken(shell_hooks::ON_PATH),
        left_over_daemon: Probe::not_taken(left_over_daemon::NOT_DETERMINATE),
        custom_conf: Probe::seen(CustomConf::default(), "stat"),
        nixpkgs: Probe::seen(
            Nixpkgs { label: Some("26.05.56c666e".to_owned()), ..Nixpkgs::default() },
            "/run/current-system/darwin-version.json",
        ),
        nix: Probe::seen(nix(), "nix --version"),
        nix_daemon: Probe::seen(
            NixDaemon {
                info: store_info::parse(
                    "{\"trusted\":false,\"url\":\"daemon\",\"version\":\"2.34.8\"}",
                    "",
                    Some(0),
                ),
                ..NixDaemon::default()
            },
            "nix store info",
        ),
        nix_config: Probe::seen(ConfigView::Read(Box::new(config(NIX_CONF))), "nix config show"),
        conf_files: Probe::seen(vec![conf_files::parse("/etc/nix/nix.conf", NIX_CONF)], "/etc/nix/nix.conf"),
        user_env: Probe::seen(UserEnv::default(), "environment"),
        machines_file: Probe::seen(
            MachinesFile {
                exists: true,
                target: Some("/etc/static/nix/machines".to_owned()),
                managed: true,
                is_the_managed: true,
                unnamed: None,
            },
            "lstat /etc/nix/machines",
        ),
        fixes: Probe::seen(super::fixes::Fixes::default(), "fixes.json"),
        file_times: Probe::seen(
            vec![FileTime {
                path: "/etc/nix/machines".to_owned(),
                modified: 1_795_000_000,
                target: Some("/etc/static/nix/machines".to_owned()),
            }],
            "lstat",
        ),
        conf_changes: Probe::seen(
            vec![Change { path: "/etc/nix/nix.conf".to_owned(), seconds_ago: 90_000 }],
            "lstat",
        ),
        ssh_files: Probe::seen(
            vec![SshFile {
                path: "/etc/ssh/ssh_config.d/100-linux-builder.conf".to_owned(),
                uid: 0,
                mode: "444".to_owned(),
            }],
            "stat",
        ),
        builder_jobs: Probe::seen(
            vec![BuilderJob {
                label: want.builder.launchd_label.clone(),
                flavour: Some(Flavour::LinuxBuilder),
            }],
            "/Library/LaunchDaemons",
        ),
        builder_job: Probe::seen(service(&want.builder.launchd_label), "launchctl print"),
        vm_program: Probe::seen(vm_program(), "the job's scripts"),
        crash_reports: Probe::not_taken("the VM runs, and its sshd answers"),
        builder_log: Probe::not_taken("the VM runs, and its sshd answers"),
        daemon_job: Probe::seen(service("org.nixos.nix-daemon"), "launchctl print"),
        ssh: Probe::seen(vec![ssh_host()], "ssh -G"),
        localhost: Probe::seen(
            Localhost { addresses: vec!["127.0.0.1".to_owned(), "::1".to_owned()], error: None },
            "the system's resolver",
        ),
        key_files: Probe::seen(
            vec![KeyFile {
                path: "/etc/nix/builder_ed25519".to_owned(),
                state: KeyState::Present { mode: "600".to_owned(), uid: 0 },
            }],
            "stat",
        ),
        key_pair: Probe::seen(KeyPair { private: None, ..key_pair() }, "the public keys"),
        setup: Probe::seen(
            Setup {
                admin: Some(true),
                is_vm: Some(false),
                files: PLACED.iter().map(|path| stands(path, What::NixDarwins)).collect(),
                port: Some(PortUse::NotAsked),
                receipt: false,
                image: Some(crate::parse::dry_run::DryRun { fetched: 1, ..Default::default() }),
            },
            "id -Gn, sysctl, lstat in /etc, one connection, nix build --dry-run",
        ),
        stopped: Probe::seen(Stopped::default(), stopped::PATH),
        state_folder: Probe::seen(StateFolder { uid: 0, mode: "755".to_owned() }, "stat /nix/var/nix"),
        ports: Probe::seen(vec![port(PortAnswer::Ssh("SSH-2.0-OpenSSH_10.2".to_owned()))], "one connection"),
        host_keys: Probe::seen(vec![host_key(STOCK_HOST_KEY)], "ssh-keyscan"),
        caches: Probe::seen(caches(&want), "GET"),
        network: Probe::seen(network(), "one connection"),
        root_view: Probe::Seen { fact: root_view(), from: "nix store info".to_owned(), as_whom: Whom::Root },
        builds: Probe::seen(
            vec![
                built("aarch64-linux", None),
                built("x86_64-linux", None),
                built("aarch64-linux", Some("nixos-test")),
            ],
            "nix build",
        ),
        processes: Probe::not_taken(
            "the test builds ended and the builder answers, so there is nothing to look for",
        ),
        installable_builds: Probe::seen(Vec::new(), "nix build"),
        ..Evidence::default()
    };
    set_machines(&mut e, MACHINES);
    let installable = |system: &str| {
        let mut run = built(system, None);
        run.installable = Some(format!("nixpkgs#legacyPackages.{system}.hello"));
        run
    };
    e.installable_builds =
        Probe::seen(vec![installable("aarch64-linux"), installable("x86_64-linux")], "nix build");
    e
}

fn platform() -> platform::Platform {
    platform::Platform {
        kernel: "Darwin".to_owned(),
        machine: "arm64".to_owned(),
        macos: Some("26.6.2".to_owned()),
        cpu: Some("Apple M3 Pro".to_owned()),
        memory_bytes: Some(36 << 30),
        model: Some("Mac15,7".to_owned()),
        hypervisor: Some(true),
        translated: Some(false),
        rosetta: Some(true),
        disk: Some(Df { total_kib: 971_350_180, free_kib: 412_000_000 }),
    }
}

fn nix() -> nix::Nix {
    nix::Nix {
        path: Some("/run/current-system/sw/bin/nix".to_owned()),
        on_path: true,
        version: version::parse_version("nix (Nix) 2.34.8"),
        no_version: None,
        all_on_path: vec!["/run/current-system/sw/bin/nix".to_owned()],
        left_out_of_path: vec![],
    }
}

/// What `nix config show` would say of a nix.conf.
pub fn config(text: &str) -> nix_config::NixConfig {
    let mut lines = String::from(
        "system = aarch64-darwin\nextra-platforms = x86_64-darwin\nbuilders = @/etc/nix/machines\n\
         system-features = apple-virt benchmark big-parallel nixos-test\n\
         ssl-cert-file = /etc/ssl/certs/ca-certificates.crt\n",
    );
    for line in text.lines().filter(|line| !line.starts_with('#')) {
        match line.strip_prefix("extra-") {
            // The view is of merged settings: what is extra stands behind what is set.
            Some(extra) => {
                let (name, value) = extra.split_once(" = ").unwrap_or((extra, ""));
                let at = lines.find(&format!("\n{name} = ")).map(|at| at + 1);
                if let Some(end) = at.and_then(|at| lines[at..].find('\n').map(|n| at + n)) {
                    lines.insert_str(end, &format!(" {value}"));
                }
            }
            None => {
                lines.push_str(line);
                lines.push('\n');
            }
        }
    }
    nix_config::parse_text(&lines).unwrap_or_default()
}

/// A job that runs, as launchd prints it.
pub fn service(label: &str) -> Service {
    let printed = PRINTED.replace("LABEL", label);
    let plist = parse_plist(PLIST.replace("LABEL", label).as_bytes());
    Service {
        label: label.to_owned(),
        printed: parse_print(Some(0), &printed, ""),
        disabled: Some(false),
        plist: PlistFile {
            path: format!("/Library/LaunchDaemons/{label}.plist"),
            state: plist.map_or_else(PlistState::Unreadable, PlistState::Present),
            owner: Some(PlistOwner { uid: 0, mode: "644".to_owned() }),
        },
        age_seconds: Some(7_211),
        working_directory_exists: Some(true),
    }
}

/// What the stock scripts say, with a VM of 40 GB and 8 GiB.
fn vm_program() -> VmProgram {
    let in_store = |name: &str| format!("/nix/store/{name}");
    let qemu = "9s1bq8p4gkmb54a0sx5h9h6lq5ga1qjb-qemu-host-cpu-only-10.1.5/bin/qemu-system-aarch64";
    VmProgram {
        scripts: vec![
            in_store("6ae4e11ffa8e9431028e719342b72e54-linux-builder-start"),
            in_store("2yv0vq8pbnvvj5n4mcd5bm4h0y7mg2cz-create-builder/bin/create-builder"),
            in_store("w6gh7fjbd2dbz3l23dl0f6l8q2a9d0zk-nixos-vm/bin/run-nixos-vm"),
        ],
        says: VmScripts {
            backend: Backend::Qemu,
            qemu: Some(in_store(qemu)),
            qemu_version: Some("10.1.5".to_owned()),
            machine: Some("virt,gic-version=2,accel=hvf:tcg".to_owned()),
            memory_mib: Some(8 << 10),
            cores: Some(4),
            disk_mib: Some(40 << 10),
            host_port: Some(31_022),
            tmpdir: Some("/run/org.nixos.linux-builder".to_owned()),
            shares_certs: true,
            sets_certs: false,
        },
        missing: None,
        tmpdir_exists: Some(true),
        certs: Some(CertFile {
            path: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
            state: CertState::Bytes(228_000),
        }),
    }
}

fn ssh_host() -> SshHost {
    SshHost {
        host: "linux-builder".to_owned(),
        view: ssh_config::parse_view(SSH_G),
        error: None,
        no_answer: None,
    }
}

/// The builder's port with this answer.
pub fn port(answer: PortAnswer) -> PortView {
    PortView { host: "linux-builder".to_owned(), address: "127.0.0.1".to_owned(), port: 31022, answer }
}

/// The builder showing this host key.
pub fn host_key(public_key: &str) -> HostKeyView {
    let scan = parse_scan(&format!("[127.0.0.1]:31022 {public_key}\n"));
    HostKeyView { host: "linux-builder".to_owned(), scan: Some(scan), error: None }
}

fn caches(want: &Expectations) -> Caches {
    let answer = |url: &String| CacheView::new(url, CacheReply::Cache { store_dir: "/nix/store".to_owned() });
    let mut answers: Vec<CacheView> = want.cache.iter().map(|cache| answer(&cache.url)).collect();
    if let Some(first) = answers.first_mut() {
        let narinfo = Narinfo { signers: vec!["cache.nixos.org-1".to_owned()], content_addressed: false };
        let path = "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8".to_owned();
        first.known_path = Some(KnownPath { path, narinfo: Some(narinfo) });
    }
    Caches {
        bundle: Some(Bundle {
            path: "/etc/ssl/certs/ca-certificates.crt".to_owned(),
            named_by: "/Library/LaunchDaemons/org.nixos.nix-daemon.plist".to_owned(),
            state: BundleState::Certificates(146),
        }),
        answers,
        netrc: None,
    }
}

/// Two kinds of addresses, and no proxy.
fn network() -> Network {
    let knock = |address: IpAddr| Some(Knock { address, end: End::Connected });
    let v4 = knock(Ipv4Addr::new(151, 101, 2, 217).into());
    let v6 = knock(Ipv6Addr::new(0x2a04, 0x4e42, 0, 0, 0, 0, 0, 729).into());
    let ways = vec![Way { host: "cache.nixos.org".to_owned(), v4, v6 }];
    Network { ways, ..Network::default() }
}

fn root_view() -> RootView {
    RootView {
        uri: "ssh-ng://builder@linux-builder".to_owned(),
        login: Some(store_info::parse(
            "{\"trusted\":true,\"url\":\"ssh-ng://builder@linux-builder\",\"version\":\"2.34.8\"}",
            "",
            Some(0),
        )),
        no_login: None,
        ssh: Some(ssh_host()),
        guest: Some(Guest {
            seconds_ahead: Some(0),
            disk: Some(Df { total_kib: 41_022_688, free_kib: 35_000_000 }),
            memory_available_kib: Some(7_400_000),
            nix_version: Some("nix (Nix) 2.34.8".to_owned()),
            systems: vec!["aarch64-linux".to_owned(), "x86_64-linux".to_owned()],
            features: ["benchmark", "big-parallel", "kvm", "nixos-test"].map(str::to_owned).to_vec(),
            nameservers: vec!["8.8.8.8".to_owned()],
            memory_total_kib: Some(8_100_000),
            swap_total_kib: Some(0),
            oom_kills: Some(0),
            sandbox: Some("true".to_owned()),
            resolved: vec!["cache.nixos.org".to_owned()],
            binfmt: Some(vec!["x86_64-linux".to_owned()]),
            kvm: Some(true),
            ..Guest::default()
        }),
        host: Some(root_host()),
    }
}

fn root_host() -> RootHost {
    RootHost {
        image: Some(Image {
            path: "/var/lib/linux-builder/nixos.qcow2".to_owned(),
            state: ImageState::Present { magic: "514649fb".to_owned(), size: 3_221_225_472, seconds_ago: 12 },
        }),
        keys: Some(key_pair()),
        listeners: Some(vec![Listener {
            pid: 412,
            command: Some("qemu-system-aarch64".to_owned()),
            parents: vec![390, 383],
        }]),
        background: None,
        gaps: Vec::new(),
    }
}

/// One pair, in three places.
fn key_pair() -> KeyPair {
    let public =
        "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAINCr5iWCtx1QcOb8/vwvLQmDgVExZLz6GPKs3cU+J4Aw builder@localhost";
    let half = |path: String| PublicHalf {
        path,
        state: parse_public_key(public).map_or(HalfState::Missing, HalfState::Key),
    };
    KeyPair {
        own: Some(half(own_path("/var/lib/linux-builder"))),
        installed: half(format!("{INSTALLED}.pub")),
        private: Some(half(INSTALLED.to_owned())),
    }
}

/// A test build that ran on the builder.
pub fn built(system: &str, feature: Option<&str>) -> BuildRun {
    let drv = "/nix/store/0c0j2lzmgbmzk4gvbvbvbvbvbvbvbvbv-builder-doctor-1.drv";
    let log = format!(
        "this derivation will be built:\n  {drv}\n\
         building '{drv}' on 'ssh-ng://builder@linux-builder'...\ncopying 0 paths...\nbuilding '{drv}'...\n"
    );
    run(system, feature, Ended::Code(0), build_log::parse(&log, Some(0)))
}

/// A test build that ended in this way, with this log.
pub fn run(system: &str, feature: Option<&str>, ended: Ended, log: BuildLog) -> BuildRun {
    let feature = feature.map(str::to_owned);
    BuildRun { system: system.to_owned(), feature, installable: None, external: false, ended, log }
}

/// Puts another text in the place of /etc/nix/machines.
pub fn set_machines(e: &mut Evidence, text: &str) {
    set_builders(e, "@/etc/nix/machines", Some(text));
}

/// Sets `builders`, and what /etc/nix/machines holds.
pub fn set_builders(e: &mut Evidence, builders: &str, file: Option<&str>) {
    let mut read = |_: &str| file.map_or(FileRead::Missing, |text| FileRead::Text(text.to_owned()));
    let found: Machines = machines::parse(builders, "builders", &mut read);
    e.machines = Probe::seen(found, format!("builders = {builders}"));
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.builders = Some(builders.to_owned());
    }
}

/// Lets every test build end like this one.
pub fn set_builds(e: &mut Evidence, ended: &Ended, log: &str) {
    let code = if let Ended::Code(code) = ended { Some(*code) } else { None };
    let parsed = build_log::parse(log, code);
    let all = [("aarch64-linux", None), ("x86_64-linux", None), ("aarch64-linux", Some("nixos-test"))];
    let runs =
        all.iter().map(|(system, feature)| run(system, *feature, ended.clone(), parsed.clone())).collect();
    e.builds = Probe::seen(runs, "nix build");
}

/// The only machine that is declared is another Mac: there is no Linux builder to ask about.
pub fn no_builder(e: &mut Evidence) {
    set_machines(e, "ssh-ng://admin@mini aarch64-darwin - 8 1 - - -\n");
}

/// A Linux machine, which has no launchd.
pub fn on_linux(e: &mut Evidence) {
    if let Probe::Seen { fact, .. } = &mut e.platform {
        fact.kernel = "Linux".to_owned();
    }
}

/// As without `--sudo`.
pub fn hide_root_view(e: &mut Evidence) {
    e.root_view = Probe::not_taken(super::root_view::ONLY_ROOT);
}

/// As with `--quick`: nothing was done, all has to be inferred.
pub fn hide_builds(e: &mut Evidence) {
    e.builds = Probe::not_taken("--quick: no test build was made");
}
