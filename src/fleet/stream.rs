//! JSON values out of a stream, one after another, of which none is held longer than it takes.

use std::io::BufRead;

/// The values of a stream, each of which begins on a line of its own: JSON lines, or indented reports behind each
/// other. A value ends where its brackets close; one that is cut short ends where the next one begins, so that it
/// costs no other.
pub struct Values<R> {
    input: R,
    line: usize,
    given_up: bool,
}

/// One value, as it stands in the stream.
#[derive(Debug, PartialEq, Eq)]
pub struct Value {
    /// The line on which it begins, from 1.
    pub line: usize,
    /// Its bytes; None where it is longer than was asked for.
    pub bytes: Option<Vec<u8>>,
}

impl<R: BufRead> Values<R> {
    /// The values of this input.
    pub fn new(input: R) -> Self {
        Values { input, line: 1, given_up: false }
    }

    /// The next value, of which at most `most` bytes are held. What is longer is passed over, or, with `give_up`,
    /// not read to its end, nor what comes after it.
    pub fn next(&mut self, most: usize, give_up: bool) -> std::io::Result<Option<Value>> {
        if self.given_up {
            return Ok(None);
        }
        let mut value = Value { line: self.line, bytes: Some(Vec::new()) };
        let (mut blank, mut at_start, mut passed, mut shape) = (true, true, 0, Shape::default());
        loop {
            let read = match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let Some(first) = read.first() else { break };
            if at_start && !blank && shape.is_over(*first) {
                break;
            }
            if at_start && !blank {
                shape.goes_on(*first);
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            let part = read.get(..taken).unwrap_or_default();
            if blank && part.iter().any(|byte| !byte.is_ascii_whitespace()) {
                blank = false;
                value.line = self.line;
            }
            if !blank {
                shape.read(part);
            }
            match &mut value.bytes {
                Some(_) if blank => {
                    passed += taken;
                    if give_up && passed > most {
                        self.given_up = true;
                        return Ok(Some(Value { bytes: None, ..value }));
                    }
                }
                Some(bytes) if bytes.len() + taken <= most => bytes.extend_from_slice(part),
                _ => value.bytes = None,
            }
            at_start = end.is_some();
            self.line += usize::from(at_start);
            self.input.consume(taken);
            if give_up && value.bytes.is_none() {
                self.given_up = true;
                break;
            }
        }
        Ok((!blank).then_some(value))
    }
}

/// As much of a value's syntax as shows where it ends.
#[derive(Default)]
struct Shape {
    depth: usize,
    in_string: bool,
    escaped: bool,
    closed: bool,
    /// Whether its second line begins with a blank; None while it is on the first.
    indented: Option<bool>,
}

impl Shape {
    fn read(&mut self, part: &[u8]) {
        for byte in part {
            match byte {
                // No string goes on after a line: here one was cut.
                b'\n' => (self.in_string, self.escaped) = (false, false),
                _ if self.escaped => self.escaped = false,
                b'\\' => self.escaped = self.in_string,
                b'"' => self.in_string = !self.in_string,
                _ if self.in_string => {}
                b'{' | b'[' => self.depth += 1,
                b'}' | b']' => {
                    self.depth = self.depth.saturating_sub(1);
                    self.closed |= self.depth == 0;
                }
                _ => {}
            }
        }
    }

    /// Whether a line that begins with this belongs to the next value.
    fn is_over(&self, first: u8) -> bool {
        match first {
            b'{' => self.depth == 0 || self.indented.unwrap_or(true),
            _ => self.closed && self.depth == 0 && !first.is_ascii_whitespace(),
        }
    }

    fn goes_on(&mut self, first: u8) {
        self.indented.get_or_insert(first.is_ascii_whitespace());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn values(text: &str, most: usize) -> Vec<(usize, Option<String>)> {
        // A buffer of three bytes, so that every value is in pieces.
        let mut values = Values::new(std::io::BufReader::with_capacity(3, text.as_bytes()));
        std::iter::from_fn(|| values.next(most, false).unwrap())
            .map(|it| (it.line, it.bytes.map(|bytes| String::from_utf8(bytes).unwrap())))
            .collect()
    }

    fn value(line: usize, text: &str) -> (usize, Option<String>) {
        (line, Some(text.to_owned()))
    }

    #[test]
    fn a_line_is_a_value_and_so_is_an_indented_object() {
        let both = "{\"a\": 1}\n\n{\n  \"b\": {\n  }\n}\n{\"c\": 2}";
        let found = [value(1, "{\"a\": 1}\n\n"), value(3, "{\n  \"b\": {\n  }\n}\n"), value(7, "{\"c\": 2}")];
        assert_eq!(values(both, 100), found);
        assert_eq!(values(" \n\t\n", 100), []);
    }

    #[test]
    fn what_is_cut_short_or_too_long_costs_no_other() {
        let text = "{\"cut\": \n{\"long\": 1234567890}\n{\"c\": 1}\n";
        assert_eq!(values(text, 12), [value(1, "{\"cut\": \n"), (2, None), value(3, "{\"c\": 1}\n")]);
    }

    #[test]
    fn what_stands_between_values_spoils_none() {
        let text = "{\"a\": \"}{\\\"\"}\nnoise\n{\"b\": 2}\n";
        assert_eq!(
            values(text, 100),
            [value(1, "{\"a\": \"}{\\\"\"}\n"), value(2, "noise\n"), value(3, "{\"b\": 2}\n")]
        );
        let flat = "{\n\"a\": [\n{\n\"b\": 1\n},\n{\n}\n]\n}\n";
        assert_eq!(values(flat, 100), [value(1, flat)], "lines without indentation");
        assert_eq!(values("no\nreport\nat all\n", 100), [value(1, "no\nreport\nat all\n")]);
        let cut = "{\n  \"a\": {\n{\n  \"b\": 1\n}\n";
        assert_eq!(values(cut, 100), [value(1, "{\n  \"a\": {\n"), value(3, "{\n  \"b\": 1\n}\n")]);
    }

    #[test]
    fn a_value_without_end_is_given_up() {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        let mut values = Values::new(endless);
        assert_eq!(values.next(10, true).unwrap(), Some(Value { line: 1, bytes: None }));
        assert_eq!(values.next(10, true).unwrap(), None);
        let blank = std::io::BufReader::new(std::io::repeat(b' '));
        assert_eq!(Values::new(blank).next(10, true).unwrap(), Some(Value { line: 1, bytes: None }));
    }
}
