//! The README is derived where it can be: its table of checks and its example are what the program says.
//!
//! Where this fails: `UPDATE_README=1 cargo test --test readme`, and read the difference.
#![allow(clippy::disallowed_methods)] // reads and, if told to, writes the README

use builder_doctor::checks;
use std::fmt::Write;
use std::process::Command;

const README: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/README.md");

fn table() -> String {
    let mut text =
        String::from("| check | layer | severity | what is true when all is well |\n|---|---|---|---|\n");
    for check in checks::all() {
        let (id, layer, severity) = (check.id, check.layer.name(), check.severity.name());
        let _ = writeln!(text, "| `{id}` | {layer} | {severity} | {} |", check.title);
    }
    text
}

fn said(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_builder-doctor"))
        .args(args)
        .env_remove("CLICOLOR_FORCE")
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    format!("```\n{}```\n", String::from_utf8(output.stdout).unwrap())
}

/// Puts `new` between `<!-- NAME -->` and `<!-- end of NAME -->`.
fn replaced(text: &str, name: &str, new: &str) -> String {
    let (start, end) = (format!("<!-- {name} -->\n"), format!("<!-- end of {name} -->"));
    let from = text.find(&start).unwrap_or_else(|| panic!("README.md lacks {start}")) + start.len();
    let to = text.find(&end).unwrap_or_else(|| panic!("README.md lacks {end}"));
    format!("{}{new}{}", &text[..from], &text[to..])
}

#[test]
fn the_readme_says_what_the_program_says() {
    let old = std::fs::read_to_string(README).unwrap();
    let mut new = replaced(&old, "checks", &table());
    new = replaced(&new, "example", &said(&["--example"]));
    new = replaced(&new, "healthy", &said(&["--example", "healthy"]));
    new = replaced(&new, "help", &said(&["-h"]));
    if std::env::var_os("UPDATE_README").is_some() {
        std::fs::write(README, &new).unwrap();
    }
    assert!(old == new, "README.md is out of date: UPDATE_README=1 cargo test --test readme");
}

#[test]
fn the_readme_names_each_format_and_contributing_each_dependency() {
    let readme = std::fs::read_to_string(README).unwrap();
    for format in builder_doctor::report::format::Format::ALL {
        assert!(
            readme.contains(&format!("\n| `{format}` | ")),
            "README.md's table of formats lacks {format}"
        );
    }
    let folder = env!("CARGO_MANIFEST_DIR");
    let read = |name: &str| std::fs::read_to_string(format!("{folder}/{name}")).unwrap();
    let (manifest, told) = (read("Cargo.toml"), read("CONTRIBUTING.md"));
    let (_, table) = told.split_once("## Dependencies").unwrap();
    let words: Vec<&str> = table.split(|c: char| !c.is_ascii_alphanumeric() && !"-_".contains(c)).collect();
    let mut of = "";
    for line in manifest.lines() {
        if line.starts_with('[') {
            of = line;
        } else if of.ends_with("dependencies]")
            && let Some((name, _)) = line.split_once(" = ")
        {
            assert!(words.contains(&name), "CONTRIBUTING.md does not say what {name} is for");
        }
    }
}
