//! A throwaway folder with programs that imitate a healthy Mac, and one run of builder-doctor in it.
//!
//! These are imitations: shell scripts that print the texts of a healthy machine (those of
//! src/evidence/healthy.rs), each replaceable by something hostile. They serve to show what no output and no
//! behaviour of a child can do to the doctor. They prove nothing about what Nix, ssh or launchd really say;
//! for that there is the lab in tests/lab, which is built of real ones.
//!
//! The program sees PATH = this folder only, HOME inside it, an empty environment besides, and no terminal.
//! /etc, /nix and the ports are the real machine's: so `builders` stands inline in what the imitated
//! `nix config show` says, and its ssh alias leads to a port of 127.0.0.1 that the test itself listens on.
//! Where the tests run as root, the program runs as nobody: as root it would take other ways.
#![allow(dead_code, reason = "shared by test programs, of which none uses all")]

pub mod states;

use rustix::process::{Pid, Signal, geteuid, kill_process, test_kill_process};
use serde_json::Value;
use std::fs;
use std::io::{Read, Write};
use std::net::{TcpListener, TcpStream};
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::{CommandExt, ExitStatusExt};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What a run may take that is not about time: generous, as machines that test are busy.
pub const GENEROUS: Duration = Duration::from_secs(45);

/// More than this is no answer to anybody; what a run prints beyond is not read.
const MOST: u64 = 16 << 20;

/// As whom the program runs where the tests run as root.
const NOBODY: u32 = 65534;

/// The host key that every darwin.linux-builder shows (catalogue.md).
const HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJBWcxb/Blaqt1auOtE+F8QUWrUotiC5qBJ+UuEWdVCb root@nixos";
/// The same as field 8 of a machine's line has it.
const HOST_KEY_BASE64: &str = "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=";

/// What every imitation begins with: its own PATH, one line in the log, and `argv` as one word to match on.
const PRELUDE: &str = r#"#!/bin/sh
PATH=/usr/bin:/bin; export PATH
name=${0##*/} here=${0%/bin/*}
printf '%s %s\n' "$name" "$(printf '%s' "$*" | tr '\n' ' ')" >>"$here/calls"
"#;

const NIX: &str = r#"
case " $* " in
  *" --version "*) echo 'nix (Nix) 2.34.8' ;;
  *" config show "*) cat "$here/config.json" ;;
  *" store info "*) echo '{"trusted":false,"url":"daemon","version":"2.34.8"}' ;;
  *" build "*)
    drv=/nix/store/0c0j2lzmgbmzk4gvbvbvbvbvbvbvbvbv-builder-doctor-1.drv
    printf 'this derivation will be built:\n  %s\n' $drv >&2
    printf "building '%s' on 'ssh-ng://builder@linux-builder'...\ncopying 0 paths...\n" $drv >&2
    printf "building '%s'...\ncopying 1 paths...\n" $drv >&2 ;;
  *) echo "error: '$1' is not a recognised command" >&2; exit 1 ;;
esac
"#;

pub const LAUNCHCTL: &str = r#"
case $1 in
  print)
    label=${2#system/}
    sed "s|LABEL|$label|; s|HERE|$here|" "$here/printed" ;;
  print-disabled) printf '\n\tdisabled services = {\n\t\t"com.openssh.sshd" => disabled\n\t}\n\n' ;;
  *) echo "Unrecognized subcommand: $1" >&2; exit 64 ;;
esac
"#;

/// The shape of nix-daemon's (macOS 26.6.2), as in src/evidence/healthy.rs.
const PRINTED: &str = "\
system/LABEL = {
\tactive count = 1
\tpath = HERE/LABEL.plist
\ttype = LaunchDaemon
\tstate = running

\tprogram = /bin/sh
\targuments = {
\t\t/bin/sh
\t\t-c
\t\t/bin/wait4path /nix/store && exec /nix/store/6ae4e11ffa8e9431028e719342b72e54-START
\t}

\tdomain = system
\truns = 1
\tpid = 383
\tlast exit code = (never exited)
}
";

const PLIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<plist version="1.0"><dict>
<key>KeepAlive</key><true/><key>Label</key><string>LABEL</string>
<key>ProgramArguments</key><array><string>/bin/sh</string><string>-c</string><string>/bin/wait4path /nix/store</string></array>
<key>RunAtLoad</key><true/><key>WorkingDirectory</key><string>/</string>
</dict></plist>
"#;

/// A healthy Mac of scripts.
pub struct Mac {
    /// The throwaway folder.
    pub folder: PathBuf,
    /// The port at which its builder is.
    pub port: u16,
}

/// A run that has ended.
pub struct Ran {
    pub code: Option<i32>,
    pub signal: Option<i32>,
    pub stdout: Vec<u8>,
    pub stderr: String,
    pub took: Duration,
}

/// A run that goes on.
pub struct Running {
    child: Child,
    /// What marks all its processes, in LAB_NONCE, which children inherit.
    nonce: String,
    started: Instant,
}

impl Mac {
    /// A healthy Mac whose builder greets as sshd does.
    pub fn new() -> Self {
        Self::with_builder(|mut stream| {
            let _ = stream.write_all(b"SSH-2.0-OpenSSH_10.2\r\n");
        })
    }

    /// A Mac whose builder's port does this with each connection.
    pub fn with_builder(serve: impl Fn(TcpStream) + Send + Sync + Clone + 'static) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        std::thread::spawn(move || {
            for stream in listener.incoming().flatten() {
                let serve = serve.clone();
                std::thread::spawn(move || serve(stream));
            }
        });
        // Not std::env::temp_dir(): what reaches root's look may hold plain characters only.
        let folder = PathBuf::from(format!("/tmp/builder-doctor-{}", nonce()));
        let mac = Mac { folder, port };
        mac.furnish();
        mac
    }

    fn furnish(&self) {
        fs::create_dir_all(self.path("bin")).unwrap();
        fs::create_dir_all(self.path("home")).unwrap();
        // The program may run as another user than the test; nothing is run where everybody may write.
        for (folder, mode) in [("", 0o1777), ("home", 0o1777), ("bin", 0o755)] {
            fs::set_permissions(self.path(folder), fs::Permissions::from_mode(mode)).unwrap();
        }
        self.write("calls", "");
        fs::set_permissions(self.path("calls"), fs::Permissions::from_mode(0o666)).unwrap();
        self.write("printed", PRINTED);
        for label in ["org.nixos.linux-builder", "org.nixos.nix-daemon"] {
            self.write(&format!("{label}.plist"), PLIST.replace("LABEL", label));
        }
        self.write("key", "no key at all\n");
        fs::set_permissions(self.path("key"), fs::Permissions::from_mode(0o600)).unwrap();
        self.set_config(&serde_json::json!({}));
        self.expect("5s");
        self.program("nix", NIX);
        self.program("launchctl", LAUNCHCTL);
        self.program(
            "ssh",
            &format!(
                "case $1 in -G) ;; *) for it in 'date 0' 'nix nix (Nix) 2.34.8' 'system aarch64-linux'; do\n\
                 echo \"builder-doctor:$it\"; done; exit ;; esac\n\
                 echo 'host linux-builder\nuser builder\nhostname 127.0.0.1\nport {}\nidentityfile {}\n\
                 hostkeyalias linux-builder\nstricthostkeychecking ask'\n",
                self.port,
                self.path("key").display()
            ),
        );
        self.program("ssh-keyscan", &format!("echo '[127.0.0.1]:{} {HOST_KEY}'\n", self.port));
        self.program("uname", "echo 'Darwin arm64'\n");
        self.program(
            "sw_vers",
            "printf 'ProductName:\\t\\tmacOS\\nProductVersion:\\t\\t26.6.2\\nBuildVersion:\\t\\t25G83\\n'\n",
        );
        self.program(
            "sysctl",
            "for it; do case $it in hw.memsize) echo $it: 38654705664 ;; *.brand_string) echo $it: Apple M3 Pro ;; *.hv_support) echo $it: 1 ;; esac; done\n",
        );
        self.program(
            "df",
            "printf 'Filesystem 1024-blocks Used Available Capacity iused ifree %%iused Mounted on\\n\
             /dev/disk3s7 971350180 559350180 412000000 58%% 5 5 0%% /nix\\n'\n",
        );
        self.program("id", "echo 'uid=501(alice) gid=20(staff) groups=20(staff),12(everyone)'\n");
        self.program("ps", "echo '02:00:11'\n");
        self.program(
            "dscl",
            "case $2 in -list) printf '_nixbld1 351\\nroot 0\\n' ;; *) printf 'GroupMembership: _nixbld1\\nPrimaryGroupID: 350\\n' ;; esac\n",
        );
        self.program("sudo", "echo 'sudo: a password is required' >&2; exit 1\n");
    }

    /// A path in the folder.
    pub fn path(&self, name: &str) -> PathBuf {
        self.folder.join(name)
    }

    /// Writes a file of the folder.
    pub fn write(&self, name: &str, text: impl AsRef<[u8]>) -> PathBuf {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, text).unwrap();
        path
    }

    /// Puts another script in a program's place. `$here` is the folder, `$*` what it was called with.
    pub fn program(&self, name: &str, script: &str) {
        // Renamed into place, so that none is written to while a run of another thread executes it.
        let new = self.write(&format!("new-{name}"), format!("{PRELUDE}{script}"));
        fs::set_permissions(&new, fs::Permissions::from_mode(0o755)).unwrap();
        fs::rename(new, self.path("bin").join(name)).unwrap();
    }

    /// Lets one subcommand of nix (such as "config show") do this, and all else be healthy.
    pub fn nix(&self, subcommand: &str, script: &str) {
        self.program(
            "nix",
            &format!("case \" $* \" in *\" {subcommand} \"*)\n{script}\nexit ;; esac\n{NIX}"),
        );
    }

    /// What `nix config show --json` says: a healthy Mac's, with these settings over it.
    pub fn set_config(&self, more: &Value) {
        let key = self.path("key");
        let builders = format!(
            "ssh-ng://builder@linux-builder aarch64-linux,x86_64-linux {} 4 1 kvm,benchmark,big-parallel,nixos-test - {HOST_KEY_BASE64}",
            key.display()
        );
        let mut settings = serde_json::json!({
            "system": "aarch64-darwin",
            "extra-platforms": ["x86_64-darwin"],
            "builders": builders,
            "max-jobs": 8,
            "cores": 0,
            "substituters": ["https://cache.nixos.org/"],
            "trusted-public-keys": ["cache.nixos.org-1:6NCHdD59X431o0gWypbMrAURkbJ16ZPMQFGspcDShjY="],
            "experimental-features": ["flakes", "nix-command"],
            "system-features": ["apple-virt", "benchmark", "big-parallel", "nixos-test"],
            "trusted-users": ["root"],
            "allowed-users": ["*"],
            "builders-use-substitutes": true,
            "store": "auto",
            "sandbox": "false",
        });
        for (name, value) in more.as_object().into_iter().flatten() {
            settings[name] = value.clone();
        }
        let all = settings.as_object().unwrap().iter();
        let shown: serde_json::Map<String, Value> = all
            .map(|(name, value)| (name.clone(), serde_json::json!({ "aliases": [], "value": value })))
            .collect();
        self.write("config.json", Value::Object(shown).to_string());
    }

    /// Expects a builder at this Mac's port, no cache, and test builds that end in this time.
    pub fn expect(&self, timeout: &str) {
        let port = self.port;
        self.write(
            "expect.toml",
            format!(
                "cache = []\n[builder]\nhost = \"linux-builder\"\nport = {port}\n\
                 launchd-label = \"org.nixos.linux-builder\"\nsystems = [\"aarch64-linux\"]\n\
                 optional-systems = [\"x86_64-linux\"]\nfeatures = [\"nixos-test\"]\n\
                 [test-build]\ninstallable = \"nixpkgs#hello\"\ntimeout = \"{timeout}\"\n"
            ),
        );
    }

    /// The program with these arguments, ready to be changed and started.
    pub fn command(&self, args: &[&str]) -> Command {
        let mut command = Command::new(self.executable());
        command
            .args(args)
            .env_clear()
            .env("PATH", self.path("bin"))
            .env("HOME", self.path("home"))
            .env("BUILDER_DOCTOR_EXPECT", self.path("expect.toml"))
            .current_dir(&self.folder)
            .stdin(Stdio::null())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped());
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// The same program, `$0`, called by a shell that redirects as this script says.
    pub fn shell(&self, script: &str) -> Command {
        let program = self.command(&[]);
        let mut command = Command::new("/bin/bash");
        command.arg("-c").arg(format!("set -o pipefail; {script}")).arg(program.get_program());
        command.env_clear().envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        command.current_dir(&self.folder).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        if geteuid().is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Where nobody may go into the folder of the build, it is a copy that runs.
    fn executable(&self) -> PathBuf {
        let built = Path::new(env!("CARGO_BIN_EXE_builder-doctor"));
        let open = |path: &Path| fs::metadata(path).is_ok_and(|it| it.permissions().mode() & 0o001 != 0);
        if !geteuid().is_root() || built.ancestors().all(open) {
            return built.to_owned();
        }
        let copy = self.path("builder-doctor");
        if !copy.is_file() {
            fs::copy(built, &copy).unwrap();
            fs::set_permissions(&copy, fs::Permissions::from_mode(0o755)).unwrap();
        }
        copy
    }

    /// Starts the program.
    pub fn start(&self, args: &[&str]) -> Running {
        self.launch(&mut self.command(args))
    }

    /// Starts what [`Mac::command`] made.
    pub fn launch(&self, command: &mut Command) -> Running {
        let nonce = nonce();
        let started = Instant::now();
        Running { child: command.env("LAB_NONCE", &nonce).spawn().unwrap(), nonce, started }
    }

    /// Runs the program to its end.
    pub fn run(&self, args: &[&str]) -> Ran {
        self.start(args).end()
    }

    /// Runs the program to its end with this on its standard input.
    pub fn run_with_input(&self, args: &[&str], input: &[u8]) -> Ran {
        let mut running = self.launch(self.command(args).stdin(Stdio::piped()));
        let mut pipe = running.child.stdin.take().unwrap();
        let input = input.to_vec();
        // It may end before it has read all, which is no fault.
        let writer = std::thread::spawn(move || drop(pipe.write_all(&input)));
        let ran = running.end();
        writer.join().unwrap();
        ran
    }

    /// Every call of every imitation, as `name arguments`, in the order in which they were made.
    pub fn calls(&self) -> Vec<String> {
        let text = fs::read(self.path("calls")).unwrap();
        String::from_utf8_lossy(&text).lines().map(|line| line.trim_end().to_owned()).collect()
    }

    /// Waits until an imitation was called with this in its call.
    pub fn wait_for_call(&self, words: &str) {
        let seen = until(GENEROUS, || self.calls().iter().any(|call| call.contains(words)));
        assert!(seen, "no call of {words:?} among {:#?}", self.calls());
    }
}

impl Drop for Mac {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

impl Running {
    /// Sends a signal to the program alone.
    pub fn signal(&self, signal: Signal) {
        kill_process(self.pid(), signal).unwrap();
    }

    /// The number of the program's process.
    pub fn id(&self) -> i32 {
        self.pid().as_raw_pid()
    }

    fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Closes the reading end of its standard output.
    pub fn close_stdout(&mut self) {
        drop(self.child.stdout.take());
    }

    /// Waits for its end; a run that takes beyond all measure is killed and fails the test.
    pub fn end(mut self) -> Ran {
        let stdout = self.child.stdout.take().map(drained);
        let stderr = self.child.stderr.take().map(drained);
        let mut status: Option<ExitStatus> = None;
        let ended = until(GENEROUS + Duration::from_secs(15), || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        if !ended {
            let _ = self.child.kill();
            let _ = self.child.wait();
            panic!("the program has not ended after {:?}", self.started.elapsed());
        }
        let took = self.started.elapsed();
        let status = status.unwrap();
        let read = |thread: Option<std::thread::JoinHandle<Vec<u8>>>| {
            thread.map_or(Vec::new(), |it| it.join().unwrap())
        };
        // Whoever is left behind holds the pipes: look before reading to their end.
        let left = left_behind(&self.nonce);
        assert!(left.is_empty(), "left behind: {left:#?}");
        Ran {
            code: status.code(),
            signal: status.signal(),
            stdout: read(stdout),
            stderr: String::from_utf8_lossy(&read(stderr)).into_owned(),
            took,
        }
    }
}

impl Ran {
    /// Standard output as text; what it prints is always UTF-8.
    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.stdout).expect("standard output is UTF-8")
    }

    /// The report.
    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.stdout).unwrap_or_else(|error| {
            panic!("no JSON: {error}\nstdout: {}\nstderr: {}", self.text(), self.stderr)
        })
    }

    /// The ids of its causes, most telling first.
    pub fn causes(&self) -> Vec<String> {
        let report = self.json();
        let findings = report["findings"].as_array().unwrap().iter();
        findings.filter(|it| it["role"] == "cause").map(|it| it["id"].as_str().unwrap().to_owned()).collect()
    }

    /// Whatever happened: it ended by itself, in bounded time, without a panic, and with a code of its own.
    #[track_caller]
    pub fn is_sound(&self) -> &Self {
        assert_eq!(self.signal, None, "killed; stderr: {}", self.stderr);
        assert!(!self.stderr.contains("panicked"), "{}", self.stderr);
        assert!(!self.text().contains("fault of this program"), "{}", self.text());
        assert!(matches!(self.code, Some(0..=3)), "code {:?}: {}", self.code, self.stderr);
        assert!(self.took < GENEROUS, "took {:?}", self.took);
        assert!(!self.is_flood(), "it prints without measure");
        self
    }

    /// It printed more than anybody reads.
    pub fn is_flood(&self) -> bool {
        self.stdout.len() as u64 > MOST
    }

    /// A report in JSON whose exit code is the program's, and nothing on standard error.
    #[track_caller]
    pub fn is_report(&self) -> Value {
        self.is_sound();
        let report = self.json();
        assert_eq!(report["exit_code"].as_i64(), self.code.map(i64::from));
        assert_eq!(self.stderr, "");
        report
    }

    /// Text that no terminal takes for orders.
    #[track_caller]
    pub fn is_plain(&self) -> &Self {
        self.is_sound();
        let odd = self.text().chars().find(|c| (c.is_control() && *c != '\n') || is_bidi(*c));
        assert_eq!(odd, None, "{:?}", self.text());
        self
    }

    /// Code 2, nothing on standard output, and one clear line on standard error that holds these words.
    #[track_caller]
    pub fn is_refused(&self, words: &str) {
        self.is_sound();
        assert_eq!(self.code, Some(2), "stdout: {}\nstderr: {}", self.text(), self.stderr);
        assert_eq!(self.text(), "");
        let line =
            self.stderr.strip_suffix('\n').unwrap_or_else(|| panic!("no whole line: {:?}", self.stderr));
        assert!(!line.chars().any(char::is_control), "not one plain line: {line:?}");
        assert!(line.starts_with("builder-doctor: "), "{line:?}");
        assert!(line.contains(words), "{line:?} does not say {words:?}");
    }
}

fn is_bidi(c: char) -> bool {
    matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// Each run of the tests and each Mac has its own.
fn nonce() -> String {
    static COUNT: AtomicUsize = AtomicUsize::new(0);
    let nanos = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_nanos();
    format!("{nanos:x}-{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed))
}

fn drained(pipe: impl Read + Send + 'static) -> std::thread::JoinHandle<Vec<u8>> {
    std::thread::spawn(move || {
        let mut bytes = Vec::new();
        let _ = pipe.take(MOST + 1).read_to_end(&mut bytes);
        bytes
    })
}

/// Looks again and again until it is so, at most this long.
pub fn until(limit: Duration, mut so: impl FnMut() -> bool) -> bool {
    let end = Instant::now() + limit;
    while !so() {
        if Instant::now() > end {
            return false;
        }
        std::thread::sleep(Duration::from_millis(5));
    }
    true
}

/// The living processes that have this nonce in their environment, by /proc; where there is none (macOS),
/// the answer is that there are none. What was killed may take a moment to be gone.
fn left_behind(nonce: &str) -> Vec<String> {
    let mut left = Vec::new();
    until(Duration::from_secs(2), || {
        left = marked(nonce);
        left.is_empty()
    });
    // Nothing of a test may outlive it, least of all what the program left.
    for (pid, _) in &left {
        if let Some(pid) = Pid::from_raw(*pid).filter(|pid| test_kill_process(*pid).is_ok()) {
            let _ = kill_process(pid, Signal::KILL);
        }
    }
    left.into_iter().map(|(pid, line)| format!("{pid}: {line}")).collect()
}

fn marked(nonce: &str) -> Vec<(i32, String)> {
    let mark = format!("LAB_NONCE={nonce}");
    let entries = fs::read_dir("/proc").into_iter().flatten().flatten();
    entries
        .filter_map(|entry| {
            let pid: i32 = entry.file_name().to_str()?.parse().ok()?;
            // That of a process that is dead and not yet collected is empty.
            let environment = fs::read(entry.path().join("environ")).ok()?;
            let found = environment.split(|byte| *byte == 0).any(|it| it == mark.as_bytes());
            let line = fs::read(entry.path().join("cmdline")).unwrap_or_default();
            found.then(|| (pid, String::from_utf8_lossy(&line).replace('\0', " ")))
        })
        .collect()
}
