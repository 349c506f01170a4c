//! The formats of a report: their names, and for whom each is.

use super::human::Detail;
use super::paint::Paint;
use super::{Report, github, human, json, jsonl, junit, markdown, prometheus, sarif, short};
use std::fmt;

/// In which form a report is written. All carry the same ids and verdicts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// For somebody in a hurry, at a terminal.
    Human,
    /// One line.
    Short,
    /// The contract: docs/report.md.
    Json,
    /// One JSON object a line, as things happen.
    Jsonl,
    /// The body of an issue.
    Markdown,
    /// JUnit's XML, for CI.
    Junit,
    /// SARIF 2.1.0, for code scanning.
    Sarif,
    /// Annotations of GitHub Actions.
    Github,
    /// Prometheus's text format, for node_exporter's textfile collector.
    Prometheus,
}

impl Format {
    /// Every format.
    pub const ALL: [Format; 9] = [
        Format::Human,
        Format::Short,
        Format::Json,
        Format::Jsonl,
        Format::Markdown,
        Format::Junit,
        Format::Sarif,
        Format::Github,
        Format::Prometheus,
    ];

    /// As it is typed.
    pub fn name(self) -> &'static str {
        match self {
            Format::Human => "human",
            Format::Short => "short",
            Format::Json => "json",
            Format::Jsonl => "jsonl",
            Format::Markdown => "markdown",
            Format::Junit => "junit",
            Format::Sarif => "sarif",
            Format::Github => "github",
            Format::Prometheus => "prometheus",
        }
    }

    /// The format of this name.
    pub fn named(name: &str) -> Option<Format> {
        Format::ALL.into_iter().find(|format| format.name() == name)
    }

    /// The format that a file with this extension holds.
    pub fn of_extension(extension: &str) -> Option<Format> {
        match extension.to_ascii_lowercase().as_str() {
            "txt" => Some(Format::Human),
            "json" => Some(Format::Json),
            "jsonl" | "ndjson" => Some(Format::Jsonl),
            "md" => Some(Format::Markdown),
            "xml" => Some(Format::Junit),
            "sarif" => Some(Format::Sarif),
            "prom" => Some(Format::Prometheus),
            _ => None,
        }
    }

    /// Whether it is made to be handed on: names of people and machines give way to tokens there. What is read on
    /// the machine itself has commands to be typed, and so its names.
    pub fn is_for_others(self) -> bool {
        !matches!(self, Format::Human | Format::Short)
    }
}

impl fmt::Display for Format {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The report in a format, with a newline at its end.
pub fn render(report: &Report, format: Format, paint: Paint, detail: Detail) -> String {
    match format {
        Format::Human => human::render(report, paint, detail),
        Format::Short => short::render(report),
        Format::Json => json::render(report),
        Format::Jsonl => jsonl::render(report),
        Format::Markdown => markdown::render(report),
        Format::Junit => junit::render(report),
        Format::Sarif => sarif::render(report),
        Format::Github => github::render(report),
        Format::Prometheus => prometheus::render(report),
    }
}
