//! `lsof -F pc`: who listens at a port; and `ps -axo pid=,ppid=`: whose child that is.

use super::text::{clean, cut};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// A process that listens.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Listener {
    /// Its number.
    pub pid: u32,
    /// Its program's name; never its arguments.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub command: Option<String>,
    /// Its parent, that one's parent, and so on, without launchd itself. Empty where they are not known.
    #[serde(default)]
    pub parents: Vec<u32>,
}

const MAX_ITEMS: usize = 16;

/// `lsof -F pc`: a line for each field, `p` first, then `c`; the `f` of each file is of no interest.
pub fn parse_lsof(text: &str) -> Vec<Listener> {
    let mut found: Vec<Listener> = Vec::new();
    for line in text.lines() {
        if let Some(pid) = line.strip_prefix('p').and_then(|it| it.trim().parse().ok()) {
            if found.len() == MAX_ITEMS {
                break;
            }
            found.push(Listener { pid, ..Listener::default() });
        } else if let (Some(command), Some(last)) = (line.strip_prefix('c'), found.last_mut()) {
            last.command = Some(cut(clean(command).trim(), 64)).filter(|it| !it.is_empty());
        }
    }
    found
}

/// Each process's parent.
pub fn parse_parents(text: &str) -> BTreeMap<u32, u32> {
    let pair = |line: &str| {
        let mut words = line.split_whitespace();
        Some((words.next()?.parse().ok()?, words.next()?.parse().ok()?))
    };
    text.lines().filter_map(pair).collect()
}

/// The chain from a process up to launchd, which is not in it.
pub fn chain(of: u32, parents: &BTreeMap<u32, u32>) -> Vec<u32> {
    let above = |pid: &u32| parents.get(pid).copied().filter(|parent| *parent > 1);
    std::iter::successors(above(&of), above).take(MAX_ITEMS).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// lsof 4.99.4 (Debian) of a Python that listens twice; macOS's has the same fields by its manual page.
    const LSOF: &str = "p27\ncpython3\nf3\nf4\np31\ncqemu-system-aarch64\nf12\n";

    #[test]
    fn listeners() {
        let found = parse_lsof(LSOF);
        assert_eq!(found.len(), 2);
        assert_eq!((found[1].pid, found[1].command.as_deref()), (31, Some("qemu-system-aarch64")));
        assert_eq!(parse_lsof("lsof: no pwd entry for UID 501\n"), []);
    }

    #[test]
    fn a_chain_ends_before_launchd() {
        let parents = parse_parents("  PID  PPID\n    1     0\n  383     1\n  390   383\n  412   390\n");
        assert_eq!(chain(412, &parents), [390, 383]);
        assert_eq!(chain(7, &parents), [0; 0]);
        let circle = parse_parents("5 6\n6 5\n");
        assert_eq!(chain(5, &circle).len(), MAX_ITEMS);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", pid in 0u32..40) {
            parse_lsof(&text);
            chain(pid, &parse_parents(&text));
            parse_lsof(&format!("p{pid}\nc{text}"));
        }
    }
}
