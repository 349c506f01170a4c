//! What is not asked for is not started.

#![allow(clippy::disallowed_methods, reason = "a test makes the world that the program looks at")]
#![cfg(target_os = "linux")]

mod support;

use std::io::{Read, Write};
use std::net::TcpListener;
use std::time::{Duration, Instant};
use support::Mac;

/// The beginning of the name of the thread in which reqwest runs its async runtime; the kernel keeps 15 letters.
const RUNTIME: &str = "reqwest-interna";

/// A test build notes the doctor's threads, once somebody asked the cache where that is awaited.
fn noting_threads(mac: &Mac, awaited: bool) {
    let wait = if awaited {
        "n=0; until [ -e \"$here/asked\" ] || [ $n = 400 ]; do sleep 0.05; n=$((n + 1)); done; "
    } else {
        ""
    };
    mac.nix("build", &format!("{wait}cat /proc/$PPID/task/*/comm >>\"$here/threads.new\"; mv \"$here/threads.new\" \"$here/threads\"; exit 1"));
}

#[test]
fn no_async_runtime_is_started_where_no_cache_is_asked() {
    let mac = Mac::new();
    noting_threads(&mac, false);
    mac.run(&["--offline", "--json"]).is_report();
    let threads = std::fs::read_to_string(mac.path("threads")).unwrap();
    assert!(threads.contains("builder-doctor") && !threads.contains(RUNTIME), "{threads}");
}

/// Without this, the test above could not fail.
#[test]
fn where_a_cache_is_asked_it_is_seen() {
    let mac = Mac::new();
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let port = server.local_addr().unwrap().port();
    let (asked, noted) = (mac.path("asked"), mac.path("threads"));
    std::thread::spawn(move || {
        for mut stream in server.incoming().flatten() {
            let _ = stream.read(&mut [0; 4096]);
            std::fs::write(&asked, "").unwrap();
            let began = Instant::now();
            while !noted.exists() && began.elapsed() < Duration::from_secs(20) {
                std::thread::sleep(Duration::from_millis(20));
            }
            let _ =
                stream.write_all(b"HTTP/1.1 404 Not Found\r\ncontent-length: 0\r\nconnection: close\r\n\r\n");
        }
    });
    mac.set_config(&serde_json::json!({ "substituters": [format!("http://127.0.0.1:{port}")] }));
    noting_threads(&mac, true);
    mac.run(&["--json"]).is_report();
    let threads = std::fs::read_to_string(mac.path("threads")).unwrap();
    assert!(threads.contains(RUNTIME), "{threads}");
}
