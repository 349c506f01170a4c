//! A crash report of macOS (.ips): one line of JSON, then a whole object of JSON.

use super::text::{clean, cut, scrub};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// What is kept of a crash report.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct Crash {
    /// The program's name.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub process: Option<String>,
    /// The program's path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub path: Option<String>,
    /// The launchd job, or the app, that it belonged to.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub coalition: Option<String>,
    /// When, in the report's words.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub captured: Option<String>,
    /// Such as `EXC_CRASH`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub exception: Option<String>,
    /// Such as `SIGABRT`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub signal: Option<String>,
    /// Such as `Abort trap: 6`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub indicator: Option<String>,
    /// The functions of the thread that failed, the innermost first, where they have names.
    #[schemars(extend("x-kind" = "text"))]
    pub frames: Vec<String>,
    /// What the libraries said as it ended, such as a failed assertion.
    #[schemars(extend("x-kind" = "text"))]
    pub said: Vec<String>,
}

const MOST_FRAMES: usize = 16;
const MOST_SAID: usize = 3;

/// A crash report; Err says why it is none.
pub fn parse(text: &str) -> Result<Crash, String> {
    let (header, body) = text.split_once('\n').unwrap_or((text, ""));
    let header: Value = serde_json::from_str(header).unwrap_or_default();
    let body: Value =
        serde_json::from_str(body).map_err(|error| format!("no crash report in JSON: {error}"))?;
    if !body.is_object() {
        return Err("no crash report in JSON".to_owned());
    }
    let at = |path: &str| body.pointer(path).and_then(text_of);
    let report = Crash {
        process: at("/procName").or_else(|| header.get("name").and_then(text_of)),
        path: at("/procPath"),
        coalition: at("/coalitionName"),
        captured: at("/captureTime").or_else(|| header.get("timestamp").and_then(text_of)),
        exception: at("/exception/type"),
        signal: at("/exception/signal"),
        indicator: at("/termination/indicator"),
        frames: frames(&body),
        said: said(&body),
    };
    Ok(report)
}

fn text_of(value: &Value) -> Option<String> {
    Some(scrub(&cut(&clean(value.as_str()?), 200)))
}

/// Those of the faulting thread, by its number, else of the one that triggered the report.
fn frames(body: &Value) -> Vec<String> {
    let threads = body.get("threads").and_then(Value::as_array);
    let number = body.get("faultingThread").and_then(Value::as_u64).and_then(|it| usize::try_from(it).ok());
    let triggered = |thread: &&Value| thread.get("triggered").and_then(Value::as_bool) == Some(true);
    let thread = threads
        .and_then(|all| number.and_then(|number| all.get(number)).or_else(|| all.iter().find(triggered)));
    let frames = thread.and_then(|thread| thread.get("frames")).and_then(Value::as_array);
    let named = frames.into_iter().flatten().filter_map(|frame| frame.get("symbol").and_then(text_of));
    named.take(MOST_FRAMES).collect()
}

/// The application's own information: lines by library.
fn said(body: &Value) -> Vec<String> {
    let libraries = body.get("asi").and_then(Value::as_object);
    let lines = libraries.into_iter().flat_map(|all| all.values()).filter_map(Value::as_array).flatten();
    lines.filter_map(text_of).take(MOST_SAID).collect()
}

impl Crash {
    /// The function that failed: the innermost one that is no part of aborting.
    pub fn culprit(&self) -> Option<&str> {
        const ABORTING: [&str; 5] = ["pthread_kill", "abort", "assert", "raise", "error_"];
        let part = |frame: &str| ABORTING.iter().any(|word| frame.trim_start_matches('_').contains(word));
        self.frames.iter().map(String::as_str).find(|frame| !part(frame))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Made by hand in Apple's form of a crash report, with what NixOS/nixpkgs#528299 shows of one; the path and the
    /// coalition are what a job of that name would have, and no capture shows them.
    const ABORT: &str = r#"{"app_name":"qemu-system-aarch64","timestamp":"2026-06-05 10:42:33.00 +0200","bug_type":"309","os_version":"macOS 26.5 (25F71)","name":"qemu-system-aarch64"}
{
  "captureTime" : "2026-06-05 10:42:32.5112 +0200",
  "procName" : "qemu-system-aarch64",
  "procPath" : "\/nix\/store\/*\/qemu-system-aarch64",
  "coalitionName" : "org.nixos.linux-builder",
  "exception" : {"codes":"0x0000000000000000, 0x0000000000000000","rawCodes":[0,0],"type":"EXC_CRASH","signal":"SIGABRT"},
  "termination" : {"flags":0,"code":6,"namespace":"SIGNAL","indicator":"Abort trap: 6","byProc":"qemu-system-aarch64","byPid":37618},
  "asi" : {"libsystem_c.dylib":["abort() called"]},
  "faultingThread" : 1,
  "threads" : [
    {"id":1,"frames":[{"imageOffset":4568,"symbol":"mach_msg2_trap","imageIndex":4}]},
    {"triggered":true,"id":2,"name":"*/HVF","frames":[
      {"imageOffset":38320,"symbol":"__pthread_kill","symbolLocation":8,"imageIndex":4},
      {"imageOffset":26760,"symbol":"pthread_kill"},
      {"imageOffset":497744,"symbol":"abort"},
      {"imageOffset":487600,"symbol":"g_assertion_message"},
      {"imageOffset":487716,"symbol":"g_assertion_message_expr"},
      {"imageOffset":5539848,"symbol":"hvf_arch_init_vcpu"},
      {"imageOffset":660808,"symbol":"hvf_cpu_thread_fn"},
      {"imageOffset":10344048,"symbol":"qemu_thread_start"},
      {"imageOffset":96576,"imageIndex":10}]}
  ]
}
"#;

    #[test]
    fn an_abort_of_qemu() {
        let crash = parse(ABORT).unwrap();
        assert_eq!(
            (crash.signal.as_deref(), crash.exception.as_deref()),
            (Some("SIGABRT"), Some("EXC_CRASH"))
        );
        assert_eq!(crash.indicator.as_deref(), Some("Abort trap: 6"));
        assert_eq!(crash.coalition.as_deref(), Some("org.nixos.linux-builder"));
        assert_eq!(crash.captured.as_deref(), Some("2026-06-05 10:42:32.5112 +0200"));
        assert_eq!(crash.frames.len(), 8);
        assert_eq!(crash.culprit(), Some("hvf_arch_init_vcpu"));
        assert_eq!(crash.said, ["abort() called"]);
        // The thread that triggered the report counts where its number is not told.
        let unnumbered = ABORT.replace("\"faultingThread\" : 1,", "");
        assert_eq!(parse(&unnumbered).unwrap().culprit(), Some("hvf_arch_init_vcpu"));
    }

    #[test]
    fn reports_that_are_none_or_say_little() {
        assert!(parse("").is_err());
        assert!(parse("Process: qemu-system-aarch64 [37618]\nPath: /nix/store\n").is_err());
        assert!(parse("{}\n[]").is_err());
        assert!(parse(&format!("{{}}\n{}", "[".repeat(100_000))).is_err());
        let crash =
            parse("{\"name\":\"qemu-system-aarch64\"}\n{\"threads\":[{\"frames\":7}],\"faultingThread\":-1}")
                .unwrap();
        assert_eq!((crash.process.as_deref(), crash.culprit()), (Some("qemu-system-aarch64"), None));
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..2000) {
            let _ = parse(&text);
            let mutated: String = ABORT.chars().take(at).chain(text.chars()).chain(ABORT.chars().skip(at + 1)).collect();
            if let Ok(crash) = parse(&mutated) {
                crash.culprit();
            }
        }
    }
}
