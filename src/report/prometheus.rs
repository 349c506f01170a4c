//! Prometheus's text format (<https://prometheus.io/docs/instrumenting/exposition_formats/>), for node_exporter's
//! textfile collector. Base units; a metric that says nothing is left out.

use super::Report;
use std::fmt::Write;

const VERDICTS: [&str; 4] = ["healthy", "degraded", "broken", "unknown"];

/// The labels of a sample, and its value.
pub(super) type Sample<'a> = (Vec<(&'a str, &'a str)>, String);

/// One metric: its help, its type, and each sample on a line.
pub(super) fn family<'a>(
    out: &mut String,
    name: &str,
    help: &str,
    samples: impl IntoIterator<Item = Sample<'a>>,
) {
    let _ = writeln!(out, "# HELP builder_doctor_{name} {help}\n# TYPE builder_doctor_{name} gauge");
    for (labels, value) in samples {
        let labels: Vec<String> =
            labels.iter().map(|(name, value)| format!("{name}=\"{}\"", label(value))).collect();
        let labels = if labels.is_empty() { String::new() } else { format!("{{{}}}", labels.join(",")) };
        let _ = writeln!(out, "builder_doctor_{name}{labels} {value}");
    }
}

/// Each metric with its help; with a newline at its end.
pub fn render(report: &Report) -> String {
    let mut out = String::new();
    let mut metric = |name: &str, help: &str, samples: Vec<Sample>| {
        if !samples.is_empty() {
            family(&mut out, name, help, samples);
        }
    };
    let one = || "1".to_owned();
    let truth = |it: bool| u8::from(it).to_string();
    metric("info", "Which builder-doctor judged.", vec![(vec![("version", report.tool.version)], one())]);
    let verdicts = VERDICTS.iter().map(|it| (vec![("verdict", *it)], truth(*it == report.verdict)));
    metric("verdict", "1 for the verdict, 0 for the others.", verdicts.collect());
    let exit_code = vec![(vec![], report.exit_code.to_string())];
    metric("exit_code", "0 no error, 1 an error, 3 not to be told, 130 interrupted.", exit_code);
    let checks = report
        .checks
        .iter()
        .map(|check| (vec![("id", check.id), ("layer", check.layer), ("status", check.status)], one()));
    metric("check", "Each check with its status: pass, fail, unknown or moot.", checks.collect());
    let findings = report.findings.iter().map(|it| {
        (vec![("id", it.id), ("layer", it.layer), ("severity", it.severity), ("role", it.role)], one())
    });
    metric(
        "finding",
        "Each failed check with how bad it is, and whether it is the cause.",
        findings.collect(),
    );
    let taken = report.evidence.taken().ok().map(|taken| (vec![], taken.at.to_string()));
    metric("taken_timestamp_seconds", "When the machine was looked at.", taken.into_iter().collect());
    let seconds = |ms: u64| format!("{}.{:03}", ms / 1000, ms % 1000);
    if report.timings.total_ms > 0 {
        let total = vec![(vec![], seconds(report.timings.total_ms))];
        metric("duration_seconds", "How long the look took.", total);
    }
    let probes = report.timings.probes.iter().map(|it| (vec![("fact", it.fact.as_str())], seconds(it.ms)));
    metric(
        "probe_duration_seconds",
        "How long each fact took, without what it waited for.",
        probes.collect(),
    );
    out
}

fn label(text: &str) -> String {
    text.replace('\\', r"\\").replace('"', "\\\"").replace('\n', r"\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_ends_a_label() {
        assert_eq!(label("a\"} 1\nb\\"), "a\\\"} 1\\nb\\\\");
    }
}
