//! The README's pictures are what the program prints, drawn.
//!
//! Where this fails: `docs/pictures/make`, and look at the pictures before committing them.
#![allow(clippy::disallowed_methods)] // reads and, if told to, writes the pictures

use anstyle_svg::Term;
use std::path::Path;
use std::process::Command;

/// Each picture, and the call that it shows.
const PICTURES: [(&str, &[&str]); 3] = [
    ("healthy", &["--example", "healthy"]),
    ("one-cause", &["--example"]),
    ("two-causes", &["--example", "two-causes"]),
];

/// The colours of a page that is dark, and of one that is light: contrast 4.5 or more on their grounds.
const DARK: [(&str, &str); 5] = [
    ("bg", "#161b22"),
    ("fg", "#e6edf3"),
    ("fg-red", "#ff7b72"),
    ("fg-green", "#3fb950"),
    ("fg-yellow", "#d29922"),
];
const LIGHT: [(&str, &str); 5] = [
    ("bg", "#f6f8fa"),
    ("fg", "#1f2328"),
    ("fg-red", "#cf222e"),
    ("fg-green", "#1a7f37"),
    ("fg-yellow", "#8a5d00"),
];

fn printed(args: &[&str]) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_builder-doctor"))
        .args(args)
        .args(["--color", "always"])
        .env("LC_ALL", "C.UTF-8")
        .output()
        .unwrap();
    format!("$ builder-doctor {}\n\n{}", args.join(" "), String::from_utf8(output.stdout).unwrap().trim_end())
}

fn rules(colours: &[(&str, &str)], indent: &str) -> String {
    colours.iter().map(|(class, colour)| format!("{indent}.{class} {{ fill: {colour} }}\n")).collect()
}

/// The picture, in colours of its reader's page.
fn picture(args: &[&str]) -> String {
    let drawn = Term::new().render_svg(&printed(args));
    let is_a_colour = |line: &&str| line.starts_with("    .") && line.contains("{ fill: ");
    let drawn: String =
        drawn.lines().filter(|line| !is_a_colour(line)).map(|line| format!("{line}\n")).collect();
    let colours = format!(
        "  <style>\n{}    @media (prefers-color-scheme: light) {{\n{}    }}\n",
        rules(&DARK, "    "),
        rules(&LIGHT, "      ")
    );
    assert_eq!(drawn.matches("  <style>\n").count(), 1);
    drawn.replace("  <style>\n", &colours)
}

#[test]
fn the_pictures_show_what_the_program_prints() {
    let folder = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/pictures"));
    let mut old = Vec::new();
    for (name, args) in PICTURES {
        let path = folder.join(name).with_extension("svg");
        let new = picture(args);
        if std::env::var_os("UPDATE_PICTURES").is_some() {
            std::fs::write(&path, &new).unwrap();
        }
        if std::fs::read_to_string(&path).ok().as_ref() != Some(&new) {
            old.push(name);
        }
    }
    assert!(old.is_empty(), "out of date: {old:?}; run docs/pictures/make");
}

/// The contrast of two colours, as WCAG 2 has it.
fn contrast(one: &str, other: &str) -> f64 {
    let light = |colour: &str| {
        let part = |at: usize| {
            let part = f64::from(u8::from_str_radix(&colour[at..at + 2], 16).unwrap()) / 255.0;
            if part <= 0.04045 { part / 12.92 } else { ((part + 0.055) / 1.055).powf(2.4) }
        };
        0.2126 * part(1) + 0.7152 * part(3) + 0.0722 * part(5)
    };
    let (one, other) = (light(one), light(other));
    (one.max(other) + 0.05) / (one.min(other) + 0.05)
}

#[test]
fn the_pictures_can_be_read_on_dark_and_on_light_pages() {
    for colours in [DARK, LIGHT] {
        let ground = colours[0].1;
        for (class, colour) in &colours[1..] {
            assert!(contrast(ground, colour) >= 4.5, "{class}: {}", contrast(ground, colour));
        }
    }
    for (name, args) in PICTURES {
        let text = picture(args);
        let used = text.split("class=\"").skip(1).filter_map(|rest| rest.split('"').next());
        for class in used.flat_map(str::split_whitespace) {
            let known = DARK.iter().any(|(it, _)| *it == class);
            assert!(
                known || ["container", "bold", "dimmed"].contains(&class),
                "{name}: {class} has no colour"
            );
        }
    }
}
