//! Words with `*` for anything between, sought all at once in one pass over the text.

use super::{Paste, all};
use std::collections::HashMap;

/// So many bytes of a pattern are looked up at each place of the text; no pattern begins with fewer.
const KEY: usize = 4;

/// As patterns and lines are compared: small letters, and straight quotes.
pub fn folded(text: &str) -> String {
    let straight = text.chars().map(|c| match c {
        '\u{2018}' | '\u{2019}' | '`' => '\'',
        '\u{201c}' | '\u{201d}' => '"',
        c => c.to_ascii_lowercase(),
    });
    straight.collect()
}

/// A pattern as it is sought: its parts, in order, in one line.
struct Pattern {
    row: usize,
    parts: Vec<String>,
}

impl Pattern {
    /// Whether `line` holds this pattern, its first part at `at`. The first place of each part is enough:
    /// what follows a later one follows the first as well.
    fn holds(&self, line: &str, at: usize) -> bool {
        let mut rest = line.get(at..);
        for part in &self.parts {
            rest = rest.and_then(|text| text.find(part.as_str()).and_then(|at| text.get(at + part.len()..)));
        }
        rest.is_some()
    }
}

/// For each row the first line that holds one of its patterns.
pub fn first_lines(paste: &Paste) -> Vec<Option<usize>> {
    let mut patterns = Vec::new();
    let mut keys: HashMap<[u8; KEY], Vec<usize>> = HashMap::new();
    for (row, it) in all().enumerate() {
        for text in it.any {
            let parts: Vec<String> = folded(text).split('*').map(str::to_owned).collect();
            if let Some(key) = parts.first().and_then(|part| part.as_bytes().first_chunk::<KEY>()) {
                keys.entry(*key).or_default().push(patterns.len());
                patterns.push(Pattern { row, parts });
            }
        }
    }
    let mut found = vec![None; all().count()];
    for (number, line) in paste.folded().enumerate() {
        // A pattern whose first part has stood in this line once need not be tried again: see `holds`.
        let mut tried = Vec::new();
        for (at, key) in line.as_bytes().windows(KEY).enumerate() {
            let Some(candidates) = key.first_chunk::<KEY>().and_then(|key| keys.get(key)) else { continue };
            for &candidate in candidates {
                let Some(pattern) = patterns.get(candidate) else { continue };
                let Some(first) = found.get_mut(pattern.row).filter(|first| first.is_none()) else {
                    continue;
                };
                let begins = || {
                    let part = pattern.parts.first().map_or(&b""[..], |part| part.as_bytes());
                    line.as_bytes().get(at..).is_some_and(|rest| rest.starts_with(part))
                };
                if tried.contains(&candidate) || !begins() {
                    continue;
                }
                tried.push(candidate);
                if pattern.holds(line, at) {
                    *first = Some(number);
                }
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn holds(pattern: &str, line: &str) -> bool {
        let parts: Vec<String> = folded(pattern).split('*').map(str::to_owned).collect();
        let line = folded(line);
        line.find(parts[0].as_str()).is_some_and(|at| Pattern { row: 0, parts }.holds(&line, at))
    }

    #[test]
    fn parts_stand_in_order() {
        assert!(holds("port * refused", "x: Port 22: Connection Refused"));
        assert!(holds("Package 'x'*is not", "Package ‘x’ in y is not"));
        assert!(holds("port *", "port "));
        assert!(!holds("refused*port ", "port 22 refused"));
        assert!(!holds("aba*ab", "abab"));
        assert!(holds("aba*ab", "ababab"));
    }
}
