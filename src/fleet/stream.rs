//! JSON values out of a stream, one after another, of which none is held longer than it takes.

use std::io::BufRead;

/// The values of a stream. A value begins with each line whose first character is `{`, and what follows up to
/// the next such line is part of it: so both JSON lines and indented reports behind each other are read, and a
/// value that is cut short costs no other.
pub struct Values<R> {
    input: R,
    line: usize,
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
        Values { input, line: 1 }
    }

    /// The next value, of which at most `most` bytes are held. What is longer is passed over, or, with `give_up`,
    /// not read to its end.
    pub fn next(&mut self, most: usize, give_up: bool) -> std::io::Result<Option<Value>> {
        let mut value = Value { line: self.line, bytes: Some(Vec::new()) };
        let (mut blank, mut at_start, mut passed) = (true, true, 0);
        loop {
            let read = match self.input.fill_buf() {
                Err(error) if error.kind() == std::io::ErrorKind::Interrupted => continue,
                read => read?,
            };
            let Some(first) = read.first() else { break };
            if at_start && *first == b'{' && !blank {
                break;
            }
            let end = read.iter().position(|byte| *byte == b'\n');
            let taken = end.map_or(read.len(), |end| end + 1);
            let part = read.get(..taken).unwrap_or_default();
            if blank && part.iter().any(|byte| !byte.is_ascii_whitespace()) {
                blank = false;
                value.line = self.line;
            }
            match &mut value.bytes {
                Some(_) if blank => {
                    passed += taken;
                    if give_up && passed > most {
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
                break;
            }
        }
        Ok((!blank).then_some(value))
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
    fn a_value_without_end_is_given_up() {
        let endless = std::io::BufReader::new(std::io::repeat(b'x'));
        let given_up = Values::new(endless).next(10, true).unwrap().unwrap();
        assert_eq!(given_up, Value { line: 1, bytes: None });
    }
}
