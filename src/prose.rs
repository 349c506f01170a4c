//! Foreign text made fit to show: no control characters, no endless lines.

use std::time::{Duration, UNIX_EPOCH};

/// Lines of foreign text are cut here: 500 characters.
pub const LINE: usize = 500;

/// One line without control characters (a tab becomes a space, a terminal escape loses its ESC), trimmed
/// and cut at [`LINE`] characters.
pub fn line(line: &str) -> String {
    let shown = line.trim().chars().map(|c| if c == '\t' { ' ' } else { c }).filter(|c| !hidden(*c));
    let mut text: String = shown.take(LINE + 1).collect();
    if text.chars().count() > LINE {
        text.pop();
        text.push('…');
    }
    text
}

/// Control characters, and those that turn the direction of text.
pub fn hidden(c: char) -> bool {
    c.is_control() || matches!(c, '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
}

/// "a", "a and b", "a, b and c".
pub fn and<S: AsRef<str>>(words: &[S]) -> String {
    match words {
        [] => String::new(),
        [one] => one.as_ref().to_owned(),
        [most @ .., last] => {
            let most: Vec<&str> = most.iter().map(AsRef::as_ref).collect();
            format!("{} and {}", most.join(", "), last.as_ref())
        }
    }
}

/// "1 check", "2 checks".
pub fn count(number: usize, what: &str) -> String {
    format!("{number} {what}{}", if number == 1 { "" } else { "s" })
}

/// "45 seconds", "2 minutes", "3 hours", "5 days": a span for a reader in a hurry.
pub fn span(seconds: u64) -> String {
    let (number, unit) = match seconds {
        0..=119 => (seconds, "second"),
        120..=7_199 => (seconds / 60, "minute"),
        7_200..=172_799 => (seconds / 3600, "hour"),
        _ => (seconds / 86_400, "day"),
    };
    format!("{number} {unit}{}", if number == 1 { "" } else { "s" })
}

/// The end of the year 9999, in seconds since 1970: what a stranger's report says may be any number.
const LATEST: u64 = 253_402_300_799;

/// A time in UTC as RFC 3339 has it, from seconds since 1970; None where it is no time that was ever seen.
pub fn timestamp(seconds: u64) -> Option<String> {
    let time = UNIX_EPOCH + Duration::from_secs(seconds.min(LATEST));
    (1..=LATEST).contains(&seconds).then(|| humantime::format_rfc3339_seconds(time).to_string())
}

/// The same to the minute, for a reader: "2026-11-21 14:03 UTC".
pub fn moment(seconds: u64) -> String {
    timestamp(seconds).map_or_else(|| "at an unknown time".to_owned(), |at| to_the_minute(&at))
}

/// Of a timestamp such as `2026-11-20T14:03:12Z`, what a reader needs.
pub fn to_the_minute(timestamp: &str) -> String {
    format!("{} UTC", timestamp.get(..16).unwrap_or(timestamp).replace('T', " "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_foreign_reaches_the_terminal_raw() {
        assert_eq!(line("\u{1b}[31mred\u{1b}[0m\tx\u{7}\r"), "[31mred[0m x");
        assert_eq!(line("a\u{202e}b"), "ab");
        assert_eq!(line(&"y".repeat(9000)).chars().count(), LINE + 1);
    }

    #[test]
    fn words_are_joined_and_counted() {
        assert_eq!(and(&["a", "b", "c"]), "a, b and c");
        assert_eq!(count(1, "check"), "1 check");
        assert_eq!(count(0, "check"), "0 checks");
        assert_eq!(span(45), "45 seconds");
        assert_eq!(span(7_300), "2 hours");
    }
}
