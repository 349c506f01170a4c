//! docs/troubleshooting.md is what the checks and the symptoms say.
//!
//! Where this fails: `UPDATE_TROUBLESHOOTING=1 cargo test --test troubleshooting`, and read the difference.
#![allow(clippy::disallowed_methods)] // reads and, if told to, writes the page

use builder_doctor::report::troubleshooting;
use std::collections::BTreeSet;

const PAGE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/docs/troubleshooting.md");

#[test]
fn the_page_says_what_the_checks_say() {
    let new = troubleshooting::page();
    if std::env::var_os("UPDATE_TROUBLESHOOTING").is_some() {
        std::fs::write(PAGE, &new).unwrap();
    }
    let old = std::fs::read_to_string(PAGE).unwrap_or_default();
    assert!(
        old == new,
        "docs/troubleshooting.md is out of date: UPDATE_TROUBLESHOOTING=1 cargo test --test troubleshooting"
    );
}

#[test]
fn every_link_of_the_page_leads_to_one_of_its_headings() {
    let page = troubleshooting::page();
    let headings: BTreeSet<&str> = page.lines().filter_map(|line| line.strip_prefix("### ")).collect();
    let links: Vec<&str> = page.split("](#").skip(1).filter_map(|rest| rest.split(')').next()).collect();
    assert!(links.len() > headings.len(), "{}", links.len());
    for link in links {
        assert!(headings.contains(link), "{link}");
    }
}
