//! Colour, glyphs and width: what a terminal can show, decided once and handed to the renderers.
//!
//! Only the 16 colours of the terminal's own palette, and words never in green or yellow: on a white ground these
//! have a contrast of 1.1 to 3.3 in the palettes of Terminal.app, iTerm2, VS Code and xterm, and bold makes them
//! brighter. They colour glyphs, which differ by shape as well. Bold red has 3.1 and more on white and on black, and
//! bold alone what the terminal's own ink has. What is dim can be passed over.

use owo_colors::{OwoColorize, Style};

/// Prose is wrapped here at the latest, however wide the terminal: longer lines are hard to read.
const READABLE: usize = 100;

/// A terminal that is narrower than this is written as if it were this wide.
const NARROWEST: usize = 40;

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
    /// What can be passed over.
    pub fn dim(self, text: &str) -> String {
        self.styled(text, Style::new().dimmed())
    }
    /// What stands out.
    pub fn bold(self, text: &str) -> String {
        self.styled(text, Style::new().bold())
    }
    /// The first line of a page, wrapped: in red where something is broken.
    pub fn headline(self, broken: bool, text: &str) -> String {
        let text = self.wrap(text, "", "");
        let each = text.lines().map(|line| if broken { self.bad(line) } else { self.bold(line) });
        each.collect::<Vec<_>>().join("\n")
    }
    /// By severity.
    pub fn severity(self, severity: &str, text: &str) -> String {
        match severity {
            "error" => self.bad(text),
            _ => self.bold(text),
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
            "ok" | "pass" => self.styled(shown, Style::new().green()),
            "broken" | "fail" => self.bad(shown),
            "warning" | "unknown" => self.styled(shown, Style::new().yellow().bold()),
            _ => self.dim(shown),
        }
    }
    /// Between two stations of the chain.
    pub fn arrow(self) -> &'static str {
        if self.ascii { "->" } else { "→" }
    }

    /// The columns that lines may take, were the terminal even narrower.
    pub fn columns(self) -> usize {
        self.width.max(NARROWEST)
    }

    /// Text wrapped to the width, the first line after `first`, the others after `rest`. A word that is too
    /// long (a path, a URL) stands alone and whole, and so does a command between backticks.
    pub fn wrap(self, text: &str, first: &str, rest: &str) -> String {
        Paint { width: self.columns(), ..self }.wrapped(text, first, rest)
    }

    /// The same without an indent, at a width of one's own.
    pub fn wrap_at(self, text: &str, width: usize) -> String {
        Paint { width, ..self }.wrapped(text, "", "")
    }

    fn wrapped(self, text: &str, first: &str, rest: &str) -> String {
        let text = shown(text);
        let text = if self.ascii { text.replace('…', "...").replace(['–', '·'], "-") } else { text };
        let width = self.width.min(READABLE);
        let options = textwrap::Options::new(width)
            .initial_indent(first)
            .subsequent_indent(rest)
            .word_separator(textwrap::WordSeparator::AsciiSpace)
            .wrap_algorithm(textwrap::WrapAlgorithm::FirstFit)
            .word_splitter(textwrap::WordSplitter::NoHyphenation)
            .break_words(false);
        let room = width.saturating_sub(textwrap::core::display_width(rest));
        textwrap::wrap(&held_together(&text, room), options).join("\n").replace(HELD, " ")
    }
}

/// A space that no line may end at, while wrapping.
const HELD: &str = "\u{e000}";

/// What stands between backticks is one word, if it fits into a line.
fn held_together(text: &str, room: usize) -> String {
    let line = |line: &str| {
        // Every second part is between backticks, but for one that nothing ends.
        let parts: Vec<&str> = line.split('`').collect();
        let held = parts.iter().enumerate().map(|(at, part)| match at % 2 == 1 && at + 1 < parts.len() {
            true => part.replace(' ', HELD),
            false => (*part).to_owned(),
        });
        let held = held.collect::<Vec<_>>().join("`");
        let words = held.split(' ').map(|word| match textwrap::core::display_width(word) > room {
            true => word.replace(HELD, " "),
            false => word.to_owned(),
        });
        words.collect::<Vec<_>>().join(" ")
    };
    text.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Nothing foreign reaches the terminal raw: whatever is drawn comes through here.
fn shown(text: &str) -> String {
    text.chars().filter(|c| *c == '\n' || !crate::prose::hidden(*c)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use textwrap::core::display_width;

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

    #[test]
    fn words_are_never_green_or_yellow() {
        let paint = Paint { colour: true, ..Paint::PLAIN };
        let words = [paint.headline(true, "x"), paint.headline(false, "x"), paint.dim("x"), paint.bold("x")];
        let severities = ["error", "warning", "note"].map(|it| paint.severity(it, "x"));
        for word in words.iter().chain(&severities) {
            assert!(!["32", "33", "92", "93"].iter().any(|colour| word.contains(colour)), "{word:?}");
        }
    }

    #[test]
    fn a_command_between_backticks_stays_on_one_line() {
        let narrow = Paint { width: 40, ..Paint::PLAIN };
        let wrapped =
            narrow.wrap("The daemon answers: see `nix store info --store daemon`, then go on.", "", "");
        assert_eq!(wrapped, "The daemon answers: see\n`nix store info --store daemon`, then go\non.");
        // One that fits into no line is broken as any text, and a backtick that nothing closes holds nothing.
        let long = format!("`{}`", "word ".repeat(20).trim_end());
        assert!(narrow.wrap(&long, "", "").lines().all(|line| line.len() <= 40));
        assert!(narrow.wrap(&format!("it's `{}", "word ".repeat(20)), "", "").lines().all(|l| l.len() <= 40));
    }

    #[test]
    fn prose_is_no_wider_than_is_readable() {
        let wide = Paint { width: 200, ..Paint::PLAIN };
        let wrapped = wide.wrap(&"word ".repeat(80), "  ", "  ");
        assert_eq!(wrapped.lines().map(str::len).max(), Some(96));
    }

    /// Words of prose, URLs, and commands between backticks.
    fn piece() -> impl Strategy<Value = String> {
        prop_oneof![
            4 => "[a-zA-Zäé(]{0,3}[a-z]{1,14}[,.;:)]{0,2}",
            1 => "https://[a-z]{1,20}\\.org/[a-zA-Z0-9/%?=&#~-]{0,80}",
            1 => "/(nix|etc|Library)/[a-z0-9./-]{1,70}",
            2 => "[(]?`(sudo |)[a-z-]{2,12}( [a-zA-Z0-9=/#-]{1,16}){0,6}`[,.:)]{0,2}",
        ]
    }

    proptest! {
        #[test]
        fn wrapping_breaks_no_url_and_no_command(
            pieces in prop::collection::vec(piece(), 1..40), width in 0usize..160, indent in 0usize..13,
        ) {
            let paint = Paint { width, ..Paint::PLAIN };
            let indent = " ".repeat(indent);
            let text = pieces.join(" ");
            let wrapped = paint.wrap(&text, &indent, &indent);
            let lines: Vec<&str> = wrapped.lines().map(str::trim_start).collect();
            // Nothing is lost, and nothing but line ends is added.
            prop_assert_eq!(lines.join(" "), text);
            let room = paint.columns().min(READABLE) - indent.len();
            for piece in &pieces {
                if !piece.contains(' ') || display_width(piece) <= room {
                    prop_assert!(lines.iter().any(|line| line.contains(piece.as_str())), "{} in\n{}", piece, wrapped);
                }
            }
            for line in &lines {
                prop_assert!(display_width(line) <= room || !line.contains(' '), "too wide: {}", line);
            }
        }
    }
}
