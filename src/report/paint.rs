//! Colour, glyphs and width: what a terminal can show, decided once and handed to the renderers.

use owo_colors::{OwoColorize, Style};

/// How to draw.
#[derive(Clone, Copy, Debug)]
pub struct Paint {
    /// Whether to colour.
    pub colour: bool,
    /// Whether to keep to ASCII.
    pub ascii: bool,
    /// Columns to fill; text is wrapped there, URLs and commands never.
    pub width: usize,
}

impl Paint {
    /// No colour, 80 columns: for files and pipes.
    pub const PLAIN: Paint = Paint { colour: false, ascii: false, width: 80 };

    fn styled(self, text: &str, style: Style) -> String {
        let text = shown(text);
        if self.colour { text.style(style).to_string() } else { text }
    }
    /// What is wrong.
    pub fn bad(self, text: &str) -> String {
        self.styled(text, Style::new().red().bold())
    }
    /// What is to be minded.
    pub fn warn(self, text: &str) -> String {
        self.styled(text, Style::new().yellow().bold())
    }
    /// What is well.
    pub fn good(self, text: &str) -> String {
        self.styled(text, Style::new().green())
    }
    /// What can be passed over.
    pub fn dim(self, text: &str) -> String {
        self.styled(text, Style::new().dimmed())
    }
    /// What stands out.
    pub fn bold(self, text: &str) -> String {
        self.styled(text, Style::new().bold())
    }
    /// By severity.
    pub fn severity(self, severity: &str, text: &str) -> String {
        match severity {
            "error" => self.bad(text),
            "warning" => self.warn(text),
            _ => self.dim(text),
        }
    }
    /// The glyph of a layer's or a check's state, or its word where only ASCII may be shown.
    pub fn glyph(self, state: &str) -> String {
        let (glyph, word) = match state {
            "ok" | "pass" => ("✓", "ok"),
            "broken" | "fail" => ("✗", "FAIL"),
            "warning" => ("!", "warn"),
            "unknown" => ("?", "?"),
            "blocked" => ("·", "."),
            _ => ("–", "-"),
        };
        let shown = if self.ascii { word } else { glyph };
        match state {
            "ok" | "pass" => self.good(shown),
            "broken" | "fail" => self.bad(shown),
            "warning" => self.warn(shown),
            _ => self.dim(shown),
        }
    }
    /// Between two stations of the chain.
    pub fn arrow(self) -> &'static str {
        if self.ascii { "->" } else { "→" }
    }

    /// Text wrapped to the width, the first line after `first`, the others after `rest`. A word that is too
    /// long (a path, a URL) stands alone and whole.
    pub fn wrap(self, text: &str, first: &str, rest: &str) -> String {
        Paint { width: self.width.max(40), ..self }.wrapped(text, first, rest)
    }

    /// The same without an indent, at a width of one's own.
    pub fn wrap_at(self, text: &str, width: usize) -> String {
        Paint { width, ..self }.wrapped(text, "", "")
    }

    fn wrapped(self, text: &str, first: &str, rest: &str) -> String {
        let text = shown(text);
        let text = if self.ascii { text.replace('…', "...").replace(['–', '·'], "-") } else { text };
        let options = textwrap::Options::new(self.width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        textwrap::wrap(&text, options).join("\n")
    }
}

/// Nothing foreign reaches the terminal raw: whatever is drawn comes through here.
fn shown(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !crate::prose::hidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_long_word_stays_whole() {
        let url = format!("https://{}", "x".repeat(120));
        let wrapped = Paint::PLAIN.wrap(&format!("see {url} there"), "  ", "  ");
        assert_eq!(wrapped, format!("  see\n  {url}\n  there"));
    }

    #[test]
    fn without_colour_there_is_no_escape() {
        assert_eq!(Paint::PLAIN.bad("x"), "x");
        assert!(Paint { colour: true, ..Paint::PLAIN }.bad("x").contains("\u{1b}["));
        assert_eq!(Paint { ascii: true, ..Paint::PLAIN }.glyph("broken"), "FAIL");
    }
}
