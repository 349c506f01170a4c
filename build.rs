//! Makes what the program holds of JSON as small as it can be: without the space between its words, which is half of it.

use std::path::Path;
use std::{env, fs, io};

/// The files, each under the name by which `include_str!` finds it in OUT_DIR.
const FILES: [(&str, &str); 4] = [
    ("docs/report.schema.json", "report.schema.json"),
    ("tests/states/builder-service-not-loaded.json", "broken.json"),
    ("tests/states/two-causes.json", "two-causes.json"),
    ("tests/states/healthy.json", "healthy.json"),
];

// A build reads the files of its own checkout.
#[allow(clippy::disallowed_methods)]
fn main() -> io::Result<()> {
    let out = env::var("OUT_DIR").map_err(io::Error::other)?;
    println!("cargo::rerun-if-changed=build.rs");
    for (from, to) in FILES {
        println!("cargo::rerun-if-changed={from}");
        let text = fs::read_to_string(from).map_err(|error| io::Error::other(format!("{from}: {error}")))?;
        fs::write(Path::new(&out).join(to), without_space(&text))?;
    }
    Ok(())
}

/// JSON without the space between its words.
fn without_space(text: &str) -> String {
    let (mut within, mut escaped) = (false, false);
    let keeps = |c: &char| {
        if within {
            within = escaped || *c != '"';
            escaped = !escaped && *c == '\\';
            return true;
        }
        within = *c == '"';
        !c.is_ascii_whitespace()
    };
    text.chars().filter(keeps).collect()
}
