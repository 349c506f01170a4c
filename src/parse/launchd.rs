//! `launchctl print system/LABEL`, `print-disabled system`, `list`, the plist of a job, and `ps -o etime`.
//!
//! launchctl's manual says that its output is not to be parsed; nothing else tells state, runs and the last exit without root.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// How the job last ended: `134`, `134: Abort trap`, `(never exited)`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct LastExit {
    /// The exit status; 128 + signal for a job that a shell runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub code: Option<i32>,
    /// The words after the code, or the whole value where it has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub text: Option<String>,
    /// `(never exited)`.
    #[serde(default)]
    pub never: bool,
}

impl LastExit {
    /// It ended in failure. One that was ended on purpose, by `kickstart -k` or a shutdown, ends with 0 or by
    /// SIGTERM or SIGKILL, and that is none.
    pub fn is_failure(&self) -> bool {
        !self.never && self.code.is_some_and(|code| ![0, 9, 15, 137, 143, -9, -15].contains(&code))
    }
}

/// What is kept of a job's environment.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Environment {
    /// NIX_SSL_CERT_FILE, a path.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub nix_ssl_cert_file: Option<String>,
    /// NIX_REMOTE, scrubbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "url"))]
    pub nix_remote: Option<String>,
    /// NIX_REMOTE_SYSTEMS, paths with colons between them; scrubbed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub nix_remote_systems: Option<String>,
    /// Names only, never values: the proxy variables, NIX_CONFIG, NIX_REMOTE_SYSTEMS, NIX_SSHOPTS.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub names: Vec<String>,
}

/// A loaded job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Job {
    /// `running`, `not running`, `spawn scheduled`, …
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub state: Option<String>,
    /// Absent where it does not run.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pid: Option<u32>,
    /// How often it was started since it was loaded.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub runs: Option<u64>,
    /// How it last ended.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub last_exit: Option<LastExit>,
    /// The plist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub path: Option<String>,
    /// The program.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub program: Option<String>,
    /// The program and its arguments, one a line of the output; scrubbed.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub arguments: Vec<String>,
    /// Whitelisted.
    #[serde(default)]
    pub environment: Environment,
    /// Where its stdout goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub stdout_path: Option<String>,
    /// Where its stderr goes.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub stderr_path: Option<String>,
    /// Where it runs.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub working_directory: Option<String>,
}

/// What `launchctl print` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Printed {
    /// The job is loaded.
    Loaded(Box<Job>),
    /// launchd knows no such job.
    NotFound,
    /// What was printed instead, scrubbed, cut at 2 KiB.
    #[schemars(extend("x-kind" = "text"))]
    Unclear(String),
}

/// What `launchctl print-disabled system` answers.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum DisabledList {
    /// Whether each asked label is disabled; a label that is not listed is absent, and so enabled by default.
    #[schemars(extend("x-kind" = "text"))]
    Read(BTreeMap<String, bool>),
    /// What was printed instead, scrubbed, cut at 2 KiB.
    #[schemars(extend("x-kind" = "text"))]
    Unclear(String),
}

/// A job's plist file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plist {
    /// Label.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub label: Option<String>,
    /// ProgramArguments, scrubbed.
    #[serde(default)]
    #[schemars(extend("x-kind" = "text"))]
    pub program_arguments: Vec<String>,
    /// KeepAlive where it is a boolean; none where it is absent or depends on conditions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub keep_alive: Option<bool>,
    /// RunAtLoad.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub run_at_load: Option<bool>,
    /// Sockets: launchd listens in the job's stead, and starts it when somebody connects.
    #[serde(default)]
    pub on_demand: bool,
    /// WorkingDirectory.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub working_directory: Option<String>,
    /// StandardOutPath.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub stdout_path: Option<String>,
    /// StandardErrorPath.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub stderr_path: Option<String>,
    /// EnvironmentVariables, whitelisted.
    #[serde(default)]
    pub environment: Environment,
}

use super::text::{clean, cut, scrub};

const MAX_RAW: usize = 2048;
const MAX_ITEMS: usize = 64;
/// A job's plist has some 30 tags, or some 600 bytes.
const MAX_TAGS: usize = 2048;
const MAX_BINARY: usize = 4096;
/// What [`parse_plist`] says of a file that it does not try: it may be a job's all the same.
pub const TOO_LARGE: &str = "a plist too large to be read";
/// Variables that matter by being set; their values can hold secrets.
const NAMED: [&str; 9] = [
    "http_proxy",
    "https_proxy",
    "all_proxy",
    "no_proxy",
    "ftp_proxy",
    "NIX_CONFIG",
    "NIX_REMOTE_SYSTEMS",
    "NIX_SSHOPTS",
    "NIX_USER_CONF_FILES",
];

fn raw(stdout: &str, stderr: &str) -> String {
    let joined = [stdout.trim(), stderr.trim()].join("\n");
    // Cut at bytes before the scrub, which is the slower, and after it, as it can lengthen.
    let mut kept = scrub(&clean(&cut(joined.trim(), MAX_RAW)));
    while kept.len() > MAX_RAW {
        kept.pop();
    }
    kept
}

/// `launchctl print system/LABEL`.
pub fn parse_print(exit: Option<i32>, stdout: &str, stderr: &str) -> Printed {
    if let Some(job) = parse_job(stdout) {
        return Printed::Loaded(Box::new(job));
    }
    let not_found = |text: &str| text.contains("Could not find service");
    if exit != Some(0) && (not_found(stdout) || not_found(stderr)) {
        return Printed::NotFound;
    }
    Printed::Unclear(raw(stdout, stderr))
}

fn parse_job(text: &str) -> Option<Job> {
    let mut job = Job::default();
    let depth_one = indent_of_fields(text)?;
    let mut block: Option<&str> = None;
    for line in text.lines() {
        let indent = indentation(line);
        let word = line.trim();
        if indent == depth_one && word == "}" {
            block = None;
        } else if indent == depth_one && block.is_none() {
            block = word.strip_suffix("= {").map(str::trim_end);
            if block.is_none() {
                job.set(word);
            }
        } else if indent > depth_one || block.is_some() {
            job.set_in(block.unwrap_or(""), word);
        }
    }
    let known = job.state.is_some() || job.pid.is_some() || job.runs.is_some();
    known.then_some(job)
}

/// How deep the fields of the job stand: by the line after the first that opens a block, or the first of all.
///
/// By depth and not by braces: an argument that is a script can hold any of them.
fn indent_of_fields(text: &str) -> Option<usize> {
    let mut lines = text.lines().filter(|l| !l.trim().is_empty());
    let first = lines.next()?;
    let line = if first.trim_end().ends_with('{') { lines.next()? } else { first };
    Some(indentation(line))
}

fn indentation(line: &str) -> usize {
    line.len() - line.trim_start_matches([' ', '\t']).len()
}

impl Job {
    /// A field at depth 1; the first of a name wins.
    fn set(&mut self, line: &str) {
        let Some((name, value)) = line.split_once(" = ") else {
            return;
        };
        let text = || Some(scrub(&cut(value.trim(), 1000)));
        match name {
            "state" => self.state = self.state.take().or_else(text),
            "pid" => self.pid = self.pid.or_else(|| value.parse().ok()),
            "runs" => self.runs = self.runs.or_else(|| value.parse().ok()),
            "last exit code" => self.last_exit = self.last_exit.take().or_else(|| Some(last_exit(value))),
            "path" => self.path = self.path.take().or_else(text),
            "program" => self.program = self.program.take().or_else(text),
            "stdout path" => self.stdout_path = self.stdout_path.take().or_else(text),
            "stderr path" => self.stderr_path = self.stderr_path.take().or_else(text),
            "working directory" => self.working_directory = self.working_directory.take().or_else(text),
            _ => {}
        }
    }

    fn set_in(&mut self, block: &str, line: &str) {
        match block {
            "arguments" if self.arguments.len() < MAX_ITEMS => self.arguments.push(scrub(&cut(line, 1000))),
            "environment" => {
                if let Some((name, value)) = line.split_once(" => ") {
                    self.environment.set(name, value);
                }
            }
            _ => {}
        }
    }
}

impl Environment {
    fn set(&mut self, name: &str, value: &str) {
        let known =
            NAMED.iter().any(|n| name == *n || (n.ends_with("proxy") && name.eq_ignore_ascii_case(n)));
        if name == "NIX_REMOTE_SYSTEMS" {
            self.nix_remote_systems = Some(scrub(&cut(value, 1000)));
        }
        match name {
            "NIX_SSL_CERT_FILE" => self.nix_ssl_cert_file = Some(cut(value, 1000)),
            "NIX_REMOTE" => self.nix_remote = Some(scrub(&cut(value, 1000))),
            _ if known && !self.names.iter().any(|n| n == name) => self.names.push(name.to_owned()),
            _ => {}
        }
    }
}

/// `0`, `134`, `134: Abort trap`, `(never exited)`.
fn last_exit(value: &str) -> LastExit {
    let value = value.trim();
    if value.contains("never exited") {
        return LastExit { never: true, ..LastExit::default() };
    }
    let (code, text) = value.split_once(':').unwrap_or((value, ""));
    let code = code.trim().parse().ok();
    let text = if code.is_some() { text.trim() } else { value };
    LastExit { code, text: (!text.is_empty()).then(|| scrub(&cut(text, 200))), never: false }
}

/// `launchctl print-disabled system`, for the labels asked.
pub fn parse_disabled(text: &str, labels: &[&str]) -> DisabledList {
    let mut lines = text.lines().map(str::trim);
    if !lines.by_ref().any(|l| l.starts_with("disabled services") && l.ends_with('{')) {
        return DisabledList::Unclear(raw(text, ""));
    }
    let mut found = BTreeMap::new();
    for line in lines.take_while(|l| *l != "}") {
        let Some((name, word)) = line.split_once("=>") else {
            continue;
        };
        let name = name.trim().trim_matches('"');
        let disabled = match word.trim() {
            "disabled" | "true" => true,
            "enabled" | "false" => false,
            _ => continue,
        };
        if labels.contains(&name) {
            found.insert(name.to_owned(), disabled);
        }
    }
    DisabledList::Read(found)
}

impl DisabledList {
    /// Whether `label` is disabled; None where the list does not say.
    pub fn disabled(&self, label: &str) -> Option<bool> {
        match self {
            DisabledList::Read(labels) => labels.get(label).copied(),
            DisabledList::Unclear(_) => None,
        }
    }
}

/// A plist, XML or (up to 4 KiB) binary. Err says why it is none.
pub fn parse_plist(bytes: &[u8]) -> Result<Plist, String> {
    // The plist crate builds values by recursion, so what could nest without end stays out.
    let binary = bytes.starts_with(b"bplist");
    let tags = bytes.iter().filter(|b| **b == b'<').count();
    if tags > MAX_TAGS || (binary && bytes.len() > MAX_BINARY) {
        return Err(TOO_LARGE.to_owned());
    }
    let value = plist::Value::from_reader(std::io::Cursor::new(bytes))
        .map_err(|e| cut(&scrub(&e.to_string()), 200))?;
    let dict = value.as_dictionary().ok_or("a plist without a dictionary")?;
    let text = |key: &str| dict.get(key).and_then(plist::Value::as_string).map(|s| scrub(&cut(s, 1000)));
    let flag = |key: &str| dict.get(key).and_then(plist::Value::as_boolean);
    let arguments = dict.get("ProgramArguments").and_then(plist::Value::as_array).into_iter().flatten();
    let mut environment = Environment::default();
    for (name, value) in
        dict.get("EnvironmentVariables").and_then(plist::Value::as_dictionary).into_iter().flatten()
    {
        environment.set(name, value.as_string().unwrap_or(""));
    }
    Ok(Plist {
        label: text("Label"),
        program_arguments: arguments
            .filter_map(|a| a.as_string())
            .take(MAX_ITEMS)
            .map(|a| scrub(&cut(a, 1000)))
            .collect(),
        keep_alive: flag("KeepAlive"),
        run_at_load: flag("RunAtLoad"),
        on_demand: flag("KeepAlive") != Some(true)
            && dict.get("Sockets").and_then(plist::Value::as_dictionary).is_some_and(|it| !it.is_empty()),
        working_directory: text("WorkingDirectory"),
        stdout_path: text("StandardOutPath"),
        stderr_path: text("StandardErrorPath"),
        environment,
    })
}

/// `ps -o etime`: `[[days-]hours:]minutes:seconds`, in seconds.
pub fn etime(text: &str) -> Option<u64> {
    let text = text.trim();
    let (days, clock) = text.split_once('-').map_or((Some(0), text), |(d, c)| (digits(d), c));
    let parts: Vec<u64> = clock.split(':').map(digits).take(4).collect::<Option<_>>()?;
    let seconds = match *parts.as_slice() {
        [m, s] => m * 60 + s,
        [h, m, s] => h * 3600 + m * 60 + s,
        _ => return None,
    };
    days?.checked_mul(86400)?.checked_add(seconds)
}

fn digits(text: &str) -> Option<u64> {
    let plain = !text.is_empty() && text.len() <= 6 && text.bytes().all(|b| b.is_ascii_digit());
    text.parse().ok().filter(|_| plain)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Catalogue 11.1: macOS 26.6.2, Nix 2.34.7+1, nix-darwin 26.05.
    const RUNNING: &str = "system/org.nixos.nix-daemon = {
	active count = 1
	path = /Library/LaunchDaemons/org.nixos.nix-daemon.plist
	type = LaunchDaemon
	state = running

	program = /bin/sh
	arguments = {
		/bin/sh
		-c
		/bin/wait4path /nix/store && exec /nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.7+1/bin/nix-daemon
	}

	default environment = {
		PATH => /usr/bin:/bin:/usr/sbin:/sbin
	}

	environment = {
		OSLogRateLimit => 64
		OBJC_DISABLE_INITIALIZE_FORK_SAFETY => YES
		NIX_SSL_CERT_FILE => /etc/ssl/certs/ca-certificates.crt
		XPC_SERVICE_NAME => org.nixos.nix-daemon
	}

	domain = system
	minimum runtime = 10
	exit timeout = 5
	runs = 1
	pid = 383
	immediate reason = speculative
	forks = 2
	execs = 3
	initialized = 1
	trampolined = 1
	started suspended = 0
	proxy started suspended = 0
	checked allocations = 0 (queried = 1)
	checked allocations reason = no host
	checked allocations flags = 0x0
	last exit code = (never exited)

	resource coalition = {
		ID = 397
		type = resource
		state = active
		active count = 1
		name = org.nixos.nix-daemon
	}

	jetsam coalition = {
		ID = 398
		type = jetsam
		state = active
		active count = 1
		name = org.nixos.nix-daemon
	}

	spawn type = daemon (3)
	jetsam priority = 40
	jetsam memory limit (active) = (unlimited)
	jetsam memory limit (inactive) = (unlimited)
	jetsamproperties category = daemon
	jetsam thread limit = 32
	cpumon = default
	resource limits = {
		maxfiles (soft) => 1048576
	}


	properties = keepalive | inferred program | managed LWCR | has LWCR
}
";
    /// Catalogue 11.3, nix-darwin#1033: spaces, and the excerpt ends inside.
    const STOPPED: &str = "system/org.nixos.activate-system = {
        active count = 0
        path = /Library/LaunchDaemons/org.nixos.activate-system.plist
        type = LaunchDaemon
        state = not running

        program = /bin/sh
        arguments = {
                /bin/sh
                -c
                /bin/wait4path /nix/store && exec /nix/store/zv883l8g80caw3lhmwxnnylqss7bsrhb-activate-system-start
        }

        default environment = {
                PATH => /usr/bin:/bin:/usr/sbin:/sbin
        }

        environment = {
                XPC_SERVICE_NAME => org.nixos.activate-system
        }

        domain = system
        minimum runtime = 10
        exit timeout = 5
        runs = 1
        last exit code = 0

        semaphores = {
";
    /// Catalogue 11.3, holochain-infra#125.
    const TRIGGERED: &str = "system/org.nixos.nix-gc = {
	active count = 0
	path = /Library/LaunchDaemons/org.nixos.nix-gc.plist
	type = LaunchDaemon
	state = not running

	program = /bin/sh
	arguments = {
		/bin/sh
		-c
		exec /nix/store/2gsd4rlwcsm2zjy5cpmgbnv4f228j9xf-nix-gc
	}

	default environment = {
		PATH => /usr/bin:/bin:/usr/sbin:/sbin
	}

	environment = {
		NIX_REMOTE => daemon
		XPC_SERVICE_NAME => org.nixos.nix-gc
	}

	domain = system
	minimum runtime = 10
	exit timeout = 5
	runs = 2
	last exit code = 0

	event triggers = {
		org.nixos.nix-gc.268435468 => {
";
    /// Catalogue 11.4: a fixture of a public repository, not a capture; plausible only.
    const CRASHED: &str = "    active count = 0
    state = not running
    runs = 2
    last exit code = 134: Abort trap
    spawn type = interactive (4)
    job state = exited
    properties = runatload | inferred program
";
    /// Catalogue 11.7.
    const DISABLED: &str = "	disabled services = {
		\"com.adguard.mac.adguard.helper\" => enabled
		\"com.apple.CSCSupportd\" => disabled
		\"com.apple.ftpd\" => disabled
		\"com.openssh.sshd\" => disabled
		\"org.pqrs.service.daemon.Karabiner-VirtualHIDDevice-Daemon\" => enabled
		\"homebrew.mxcl.tailscale\" => enabled
	}
";
    /// nix-darwin-outputs.md.
    const PLIST: &str = r#"<?xml version="1.0" encoding="UTF-8"?>
<!DOCTYPE plist PUBLIC "-//Apple Computer//DTD PLIST 1.0//EN" "http://www.apple.com/DTDs/PropertyList-1.0.dtd">
<plist version="1.0">
<dict>
	<key>EnvironmentVariables</key>
	<dict>
		<key>NIX_SSL_CERT_FILE</key>
		<string>/etc/ssl/certs/ca-certificates.crt</string>
	</dict>
	<key>KeepAlive</key>
	<true/>
	<key>Label</key>
	<string>org.nixos.linux-builder</string>
	<key>ProgramArguments</key>
	<array>
		<string>/bin/sh</string>
		<string>-c</string>
		<string>/bin/wait4path /nix/store &amp;&amp; exec /nix/store/6ae4e11ffa8e9431028e719342b72e54-linux-builder-start</string>
	</array>
	<key>RunAtLoad</key>
	<true/>
	<key>WorkingDirectory</key>
	<string>/var/lib/linux-builder</string>
</dict>
</plist>
"#;

    fn loaded(text: &str) -> Job {
        match parse_print(Some(0), text, "") {
            Printed::Loaded(job) => *job,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn a_running_job() {
        let job = loaded(RUNNING);
        assert_eq!((job.state.as_deref(), job.pid, job.runs), (Some("running"), Some(383), Some(1)));
        assert_eq!(job.last_exit, Some(LastExit { never: true, ..LastExit::default() }));
        assert_eq!(job.path.as_deref(), Some("/Library/LaunchDaemons/org.nixos.nix-daemon.plist"));
        assert_eq!((job.program.as_deref(), job.arguments.len()), (Some("/bin/sh"), 3));
        assert_eq!(job.environment.nix_ssl_cert_file.as_deref(), Some("/etc/ssl/certs/ca-certificates.crt"));
        assert_eq!(job.environment.names, Vec::<String>::new());
    }

    #[test]
    fn stopped_and_crashed_jobs() {
        for (text, runs) in [(STOPPED, 1), (TRIGGERED, 2)] {
            let job = loaded(text);
            assert_eq!((job.state.as_deref(), job.pid, job.runs), (Some("not running"), None, Some(runs)));
            assert_eq!(job.last_exit.unwrap().code, Some(0));
        }
        assert_eq!(loaded(TRIGGERED).environment.nix_remote.as_deref(), Some("daemon"));
        let exit = loaded(CRASHED).last_exit.unwrap();
        assert_eq!((exit.code, exit.text.as_deref()), (Some(134), Some("Abort trap")));
    }

    #[test]
    fn a_job_that_is_not_there() {
        // Catalogue 11.2.
        let text =
            "Bad request.\nCould not find service \"systems.determinate.nix-daemon\" in domain for system\n";
        assert_eq!(parse_print(Some(113), "", text), Printed::NotFound);
        assert_eq!(parse_print(Some(113), text, ""), Printed::NotFound);
    }

    #[test]
    fn what_is_unclear_is_kept() {
        let text = "x = {\n\tcoalition = {\n\t\tstate = active\n\t}\n}\n";
        assert!(matches!(parse_print(Some(0), text, ""), Printed::Unclear(t) if t.contains("coalition")));
        assert!(matches!(parse_print(Some(1), "", "ghp_secret"), Printed::Unclear(t) if t == "<redacted>"));
        assert!(
            matches!(parse_print(None, &"é".repeat(1 << 20), ""), Printed::Unclear(t) if t.len() <= MAX_RAW)
        );
    }

    #[test]
    fn environment_and_scripts() {
        // Invented: an argument with braces, and variables that hold secrets.
        let text = "x = {\n\targuments = {\n\t\tf() {\n\t\t}\n\t}\n\tenvironment = {\n\t\tHTTPS_PROXY => http://u:p@h\n\t\tNIX_CONFIG => access-tokens = a\n\t\tNIX_REMOTE_SYSTEMS => /etc/nix/a:/b\n\t\tFOO => bar\n\t}\n\tstate = running\n\tstdout path = /var/log/darwin-builder.log\n}\n";
        let job = loaded(text);
        assert_eq!(job.environment.names, ["HTTPS_PROXY", "NIX_CONFIG", "NIX_REMOTE_SYSTEMS"]);
        assert_eq!(job.environment.nix_remote_systems.as_deref(), Some("/etc/nix/a:/b"));
        assert_eq!(job.stdout_path.as_deref(), Some("/var/log/darwin-builder.log"));
        assert!(!format!("{job:?}").contains("u:p"));
    }

    #[test]
    fn disabled_services() {
        let list = parse_disabled(
            DISABLED,
            &["com.apple.ftpd", "homebrew.mxcl.tailscale", "org.nixos.linux-builder"],
        );
        assert_eq!(list.disabled("com.apple.ftpd"), Some(true));
        assert_eq!(list.disabled("homebrew.mxcl.tailscale"), Some(false));
        assert_eq!(list.disabled("org.nixos.linux-builder"), None);
        // The second sample of 11.7, the older wording, and the block that may follow.
        let text = "disabled services = {\n        \"com.example.watchdog\" => true\n}\nlogin item associations = {\n\t\"com.example.watchdog\" => false\n}\n";
        assert_eq!(
            parse_disabled(text, &["com.example.watchdog"]).disabled("com.example.watchdog"),
            Some(true)
        );
        assert!(matches!(parse_disabled("Usage: launchctl", &[]), DisabledList::Unclear(_)));
    }

    #[test]
    fn the_plist_of_nix_darwin() {
        let p = parse_plist(PLIST.as_bytes()).unwrap();
        assert_eq!(p.label.as_deref(), Some("org.nixos.linux-builder"));
        assert_eq!((p.keep_alive, p.run_at_load), (Some(true), Some(true)));
        assert_eq!(p.working_directory.as_deref(), Some("/var/lib/linux-builder"));
        assert!(p.program_arguments[2].contains("&& exec"));
        assert!(p.environment.nix_ssl_cert_file.is_some());
        let mut binary = Vec::new();
        plist::Value::from_reader(std::io::Cursor::new(PLIST))
            .unwrap()
            .to_writer_binary(&mut binary)
            .unwrap();
        assert_eq!(parse_plist(&binary).unwrap(), p);
    }

    #[test]
    fn plists_that_are_none() {
        for text in ["", "x", "<plist><string>x</string></plist>", "<plist><dict>"] {
            assert!(parse_plist(text.as_bytes()).is_err(), "{text}");
        }
        assert!(parse_plist("<array>".repeat(100_000).as_bytes()).is_err());
        let deep = format!("<plist>{}{}</plist>", "<array>".repeat(1023), "</array>".repeat(1022));
        assert!(parse_plist(deep.as_bytes()).is_err());
    }

    #[test]
    fn times() {
        for (text, want) in [
            ("02:00:11", Some(7211)),
            ("1-02:03:04", Some(93784)),
            (" 05:11\n", Some(311)),
            ("5", None),
            ("", None),
            ("-1:00", None),
        ] {
            assert_eq!(etime(text), want, "{text}");
        }
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..1500) {
            etime(&text);
            parse_disabled(&text, &["x"]);
            for sample in [RUNNING, STOPPED, CRASHED, DISABLED, PLIST] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at + 1)).collect();
                parse_print(Some(0), &mutated, &text);
                parse_disabled(&mutated, &["com.apple.ftpd"]);
                let _ = parse_plist(mutated.as_bytes());
            }
        }

        #[test]
        fn no_binary_plist_panics(mut bytes in proptest::collection::vec(any::<u8>(), 0..200)) {
            bytes.splice(0..0, b"bplist00".iter().copied());
            let _ = parse_plist(&bytes);
        }
    }
}
