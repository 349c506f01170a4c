//! What ails a fleet: one table out of many saved reports, in the formats that make sense for it.

use super::paint::Paint;
use super::prometheus::family;
use super::replayed;
use super::{SCHEMA_VERSION, Tool};
use crate::advice::Prescription;
use crate::fleet::{Summary, Unread};
use crate::prose::{and, count};
use comfy_table::presets::NOTHING;
use comfy_table::{CellAlignment, ContentArrangement, Table};
use schemars::JsonSchema;
use serde::Serialize;
use std::fmt::Write;

/// The formats in which a fleet can be told, as `--format` names them.
pub const FORMATS: [&str; 5] = ["human", "short", "json", "markdown", "prometheus"];

/// How many names, versions and files a reader in a hurry is told.
const FEW: usize = 5;

/// Many machines, as the JSON contract has them; keys and order are part of the contract.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Fleet {
    /// As that of a report.
    pub schema_version: u64,
    /// `fleet`, which tells it from a report.
    pub kind: &'static str,
    /// Who judged.
    pub tool: Tool,
    /// 1 where a machine is broken, 3 where one is not known, 2 where no report could be read.
    pub exit_code: u8,
    /// How many reports were judged.
    pub machines: usize,
    /// How many machines are in each state.
    pub verdicts: Verdicts,
    /// Errors before warnings, causes of most machines first; then what is nowhere a cause.
    pub findings: Vec<Ailing>,
    /// The versions seen, the commonest first.
    pub versions: Versions,
    /// What some reports cannot show.
    pub lacks: Vec<Lacking>,
    /// What could not be read.
    pub unreadable: Unreadable,
    /// Whoever reads it wants all of it.
    #[serde(skip)]
    pub verbose: bool,
}

/// How many machines are in each state.
#[derive(Debug, Default, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub struct Verdicts {
    pub healthy: usize,
    pub degraded: usize,
    pub broken: usize,
    pub unknown: usize,
}

/// One check that failed on some machines.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Ailing {
    /// The fault's name.
    pub id: &'static str,
    /// The layer's name.
    pub layer: &'static str,
    /// `error` or `warning`: the worst that it was on any machine.
    pub severity: &'static str,
    /// What is true when all is well.
    pub title: &'static str,
    /// On how many machines it is the first cause.
    pub first: usize,
    /// On how many it is a cause.
    pub cause: usize,
    /// The same in percent of all machines, to one place.
    pub percent: f64,
    /// On how many it follows from a cause.
    pub consequence: usize,
    /// Machines on which it is a cause: the first ten, or all with -v.
    pub machines: Vec<String>,
    /// What mends it, by who manages the machine.
    pub remedies: Vec<Mending>,
    /// The command that explains it.
    pub docs: String,
}

/// What mends a fault on machines of one kind.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Mending {
    /// `nix-darwin`, `determinate` or `nobody`: who manages /etc/nix there.
    pub managed_by: &'static str,
    /// On how many machines.
    pub machines: usize,
    /// What mends the first of them; what the things are called may differ on others.
    pub remedy: Prescription,
}

/// The versions seen, the commonest first.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub struct Versions {
    pub system: Vec<Version>,
    pub nix: Vec<Version>,
    pub builder_doctor: Vec<Version>,
}

/// A version and how many machines have it.
#[derive(Debug, Serialize, JsonSchema)]
#[allow(missing_docs)]
pub struct Version {
    pub version: String,
    pub machines: usize,
}

/// What some reports cannot show.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Lacking {
    /// As `replayed.lacks` of a report has it: `root`, `builds`, `caches`, `rest`, `names`, `older`, `newer`.
    pub what: &'static str,
    /// How many.
    pub machines: usize,
}

/// What could not be read.
#[derive(Debug, Serialize, JsonSchema)]
pub struct Unreadable {
    /// How many.
    pub count: usize,
    /// The first ten, or all with -v.
    pub reports: Vec<Unread>,
}

impl Fleet {
    /// The fleet of a count.
    pub fn new(summary: Summary) -> Self {
        let [healthy, degraded, broken, unknown] = summary.states.map(|(_, machines)| machines);
        let machines = healthy + degraded + broken + unknown;
        let [system, nix, builder_doctor] = summary.versions.map(|all| {
            all.into_iter().map(|(version, machines)| Version { version, machines }).collect::<Vec<_>>()
        });
        let findings = summary.ailments.into_iter().map(|it| Ailing {
            id: it.check.id,
            layer: it.check.layer.name(),
            severity: it.severity.name(),
            title: it.check.title,
            first: it.first,
            cause: it.cause,
            percent: percent(it.cause, machines),
            consequence: it.consequence,
            machines: it.names,
            remedies: it
                .remedies
                .into_iter()
                .map(|(managed_by, machines, remedy)| Mending { managed_by, machines, remedy })
                .collect(),
            docs: format!("builder-doctor explain {}", it.check.id),
        });
        Fleet {
            schema_version: SCHEMA_VERSION,
            kind: "fleet",
            tool: Tool { name: env!("CARGO_PKG_NAME"), version: env!("CARGO_PKG_VERSION") },
            exit_code: summary.exit_code,
            machines,
            verdicts: Verdicts { healthy, degraded, broken, unknown },
            findings: findings.collect(),
            versions: Versions { system, nix, builder_doctor },
            lacks: summary.lacks.into_iter().map(|(what, machines)| Lacking { what, machines }).collect(),
            unreadable: Unreadable { count: summary.unreadable, reports: summary.unread },
            verbose: false,
        }
    }

    fn causes(&self) -> impl Iterator<Item = &Ailing> {
        self.findings.iter().filter(|it| it.cause > 0)
    }

    /// Of how many causes to tell which machines they ail, and what mends them.
    fn told(&self) -> usize {
        // With -v, more names are kept than are told otherwise.
        if self.verbose { usize::MAX } else { crate::fleet::NAMES }
    }

    /// The machines on which it is a cause.
    fn names(&self, it: &Ailing) -> String {
        if self.verbose {
            return and(&it.machines);
        }
        few(it.machines.iter().cloned(), it.cause.saturating_sub(it.machines.len()))
    }

    fn verdicts(&self) -> [(&'static str, usize); 4] {
        let it = &self.verdicts;
        [("healthy", it.healthy), ("degraded", it.degraded), ("broken", it.broken), ("unknown", it.unknown)]
    }
}

#[allow(clippy::cast_precision_loss, reason = "no fleet has 2^52 machines")]
fn percent(part: usize, whole: usize) -> f64 {
    if whole == 0 { 0.0 } else { (part as f64 * 1000.0 / whole as f64).round() / 10.0 }
}

/// The fleet in the format of this name. The error says which there are.
pub fn render(fleet: &Fleet, format: &str, paint: Paint) -> Result<String, String> {
    match format {
        "human" => Ok(human(fleet, paint)),
        "short" => Ok(sentence(fleet) + "\n"),
        "json" => Ok(super::json::written(fleet)),
        "markdown" => Ok(markdown(fleet)),
        "prometheus" => Ok(prometheus(fleet)),
        other => Err(refused(other)),
    }
}

/// Why many reports cannot be told in a format.
pub fn refused(format: &str) -> String {
    format!("--format {format} tells of one machine; many are told as {}", and(&FORMATS))
}

/// The fleet in a sentence.
fn sentence(fleet: &Fleet) -> String {
    let all = fleet.machines;
    let of = |machines: usize| match machines {
        _ if machines == all && all > 1 => format!("All {all}"),
        _ => format!("{machines} of {all}"),
    };
    let are = |machines: usize| if machines == 1 { "is" } else { "are" };
    let its = &fleet.verdicts;
    let first = |severity: &str| match fleet.causes().find(|it| it.severity == severity) {
        Some(most) => format!("; {} is the cause on {}", most.id, most.cause),
        None => String::new(),
    };
    let unread = match fleet.unreadable.count {
        0 => String::new(),
        many => format!(" {} could not be read.", count(many, "report")),
    };
    let text = match () {
        () if all == 0 => "No report could be judged.".to_owned(),
        () if its.broken > 0 => format!("{} {} broken{}.", of(its.broken), are(its.broken), first("error")),
        () if its.degraded > 0 => {
            format!("{} {} degraded{}.", of(its.degraded), are(its.degraded), first("warning"))
        }
        () if its.unknown > 0 => format!("Of {} of {all} it could not be told how they are.", its.unknown),
        () => format!("{} {} healthy.", of(all), are(all)),
    };
    text + &unread
}

fn human(fleet: &Fleet, paint: Paint) -> String {
    let verdict = paint.headline(fleet.exit_code == 1, &sentence(fleet));
    let states = fleet.verdicts().map(|(word, machines)| format!("{machines} {word}"));
    let of = paint.wrap(&format!("{}: {}.", count(fleet.machines, "machine"), states.join(", ")), "", "");
    let mut parts = vec![format!("{verdict}\n{of}")];
    if fleet.causes().next().is_some() {
        parts.push(table(fleet, paint));
        let (told, all) = (fleet.told(), fleet.causes().count());
        parts.extend(fleet.causes().take(told).map(|it| mending(fleet, it, paint)));
        if told < all {
            parts.push(format!("{} more, which -v tells as well.", all - told));
        }
    }
    let mut lines = Vec::new();
    let only: Vec<String> = fleet
        .findings
        .iter()
        .filter(|it| it.cause == 0)
        .map(|it| format!("{} ({})", it.id, it.consequence))
        .collect();
    if !only.is_empty() {
        lines.push(format!("Only ever a consequence: {}.", and(&only)));
    }
    let its = &fleet.versions;
    for (what, versions) in [("Systems", &its.system), ("Nix", &its.nix), ("Reports of", &its.builder_doctor)]
    {
        if !versions.is_empty() {
            lines.push(format!(
                "{what}: {}.",
                few(versions.iter().map(|it| format!("{} ({})", it.version, it.machines)), 0)
            ));
        }
    }
    let lacks = fleet.lacks.iter().map(|it| format!("{} ({})", replayed::in_short(it.what), it.machines));
    let lacks: Vec<String> = lacks.collect();
    if !lacks.is_empty() {
        lines.push(format!("Not all of them can show {}.", and(&lacks)));
    }
    parts.push(lines.iter().map(|line| paint.wrap(line, "", "  ")).collect::<Vec<_>>().join("\n"));
    if fleet.unreadable.count > 0 {
        let mut text = "Could not be read:".to_owned();
        for unread in &fleet.unreadable.reports {
            let _ = write!(
                text,
                "\n{}",
                paint.wrap(&format!("{}: {}", unread.name, unread.because), "  ", "    ")
            );
        }
        match fleet.unreadable.count.saturating_sub(fleet.unreadable.reports.len()) {
            0 => {}
            more => text += &format!("\n  and {more} more, which -v names"),
        }
        parts.push(text);
    }
    let next = match fleet.causes().next() {
        Some(most) => {
            format!("Next: {} says more; --from with one report shows that machine whole.", most.docs)
        }
        None if fleet.exit_code == 0 => "Next: nothing to do.".to_owned(),
        None => "Next: --from with one report shows what could not be told there, and why.".to_owned(),
    };
    parts.push(paint.wrap(&next, "", ""));
    parts.retain(|part| !part.is_empty());
    parts.join("\n\n") + "\n"
}

fn table(fleet: &Fleet, paint: Paint) -> String {
    let mut table = Table::new();
    table.load_preset(NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    table.set_header(["cause", "severity", "machines", "%", "follows on"]);
    for it in fleet.causes() {
        let number = |number: usize| if number == 0 { String::new() } else { number.to_string() };
        let row = [
            it.id.to_owned(),
            it.severity.to_owned(),
            number(it.cause),
            format!("{:.1}", it.percent),
            number(it.consequence),
        ];
        table.add_row(row);
    }
    for column in 2..5 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    let text = table.trim_fmt();
    let mut lines = text.lines();
    let head = lines.next().map(|head| paint.dim(head));
    let rows = lines.zip(fleet.causes()).map(|(row, it)| match row.split_once(it.id) {
        Some((before, after)) => format!("{before}{}{after}", paint.severity(it.severity, it.id)),
        None => row.to_owned(),
    });
    head.into_iter().chain(rows).collect::<Vec<_>>().join("\n")
}

/// Which machines, and the command that mends it there.
fn mending(fleet: &Fleet, it: &Ailing, paint: Paint) -> String {
    let names = fleet.names(it);
    let mut text = paint.wrap(&format!("{}: {names}", it.id), "", "    ");
    let several = it.remedies.len() > 1;
    for mending in &it.remedies {
        let remedy = &mending.remedy;
        let one = match remedy.commands.first() {
            Some(command) if remedy.edit.is_empty() => command.clone(),
            _ => it.docs.clone(),
        };
        if several {
            let whose = match mending.managed_by {
                "nobody" => "managed by nobody".to_owned(),
                other => format!("managed by {other}"),
            };
            let _ = write!(text, "\n  {}", paint.dim(&format!("{whose} ({}):", mending.machines)));
        }
        let _ = write!(text, "\n    {}", paint.bold(&one));
    }
    text
}

/// The first few, and how many more there are; `beyond` those that are listed.
fn few(all: impl Iterator<Item = String>, beyond: usize) -> String {
    let mut all: Vec<String> = all.collect();
    let more = all.len().saturating_sub(FEW) + beyond;
    all.truncate(FEW);
    match more {
        0 => and(&all),
        more => format!("{} and {more} more", all.join(", ")),
    }
}

fn markdown(fleet: &Fleet) -> String {
    let mut text = format!("{}\n\n", in_markdown(&sentence(fleet)));
    text += "| healthy | degraded | broken | unknown | unreadable |\n|---:|---:|---:|---:|---:|\n";
    let its = &fleet.verdicts;
    let _ = writeln!(
        text,
        "| {} | {} | {} | {} | {} |",
        its.healthy, its.degraded, its.broken, its.unknown, fleet.unreadable.count
    );
    if !fleet.findings.is_empty() {
        text += "\n| cause | severity | machines | % | follows on | which |\n|---|---|---:|---:|---:|---|\n";
    }
    for it in &fleet.findings {
        let names = fleet.names(it);
        let _ = writeln!(
            text,
            "| `{}` | {} | {} | {:.1} | {} | {} |",
            it.id,
            it.severity,
            it.cause,
            it.percent,
            it.consequence,
            in_markdown(&names)
        );
    }
    if fleet.unreadable.count > 0 {
        text += "\n| could not be read | why |\n|---|---|\n";
        for unread in &fleet.unreadable.reports {
            let _ = writeln!(text, "| {} | {} |", in_markdown(&unread.name), in_markdown(&unread.because));
        }
    }
    text
}

/// Foreign words, which can neither end a table's cell nor become markup, a mention or a link to an issue.
fn in_markdown(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '@' => out.push_str("&#64;"),
            '#' => out.push_str("&#35;"),
            '\n' | '\r' => out.push(' '),
            '\\' | '|' | '`' | '*' | '_' | '[' | ']' | '~' | '!' => out.extend(['\\', c]),
            _ => out.push(c),
        }
    }
    out
}

/// For the textfile collector of node_exporter: prometheus.io/docs/instrumenting/exposition_formats.
fn prometheus(fleet: &Fleet) -> String {
    let mut text = String::new();
    let verdicts =
        fleet.verdicts().into_iter().map(|(it, machines)| (vec![("verdict", it)], machines.to_string()));
    family(&mut text, "fleet_machines", "Machines by verdict.", verdicts);
    let labels = |it: &Ailing| vec![("id", it.id), ("layer", it.layer), ("severity", it.severity)];
    let causes = fleet.findings.iter().map(|it| (labels(it), it.cause.to_string()));
    family(&mut text, "fleet_cause_machines", "Machines on which this check is a cause.", causes);
    let follows = fleet.findings.iter().map(|it| (labels(it), it.consequence.to_string()));
    let help = "Machines on which this check follows from a cause.";
    family(&mut text, "fleet_consequence_machines", help, follows);
    let unread = (vec![], fleet.unreadable.count.to_string());
    family(&mut text, "fleet_unreadable_reports", "Reports that could not be read.", [unread]);
    let code = (vec![], fleet.exit_code.to_string());
    family(&mut text, "fleet_exit_code", "The exit code of the run.", [code]);
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fleet::Tally;

    fn fleet() -> Fleet {
        let mut tally = Tally::new(3);
        tally.unreadable(0, "a|b<c>@d", "it is `no`\nreport");
        Fleet::new(tally.summary())
    }

    #[test]
    fn a_fleet_of_none_is_told_in_every_format() {
        for format in FORMATS {
            let text = render(&fleet(), format, Paint::PLAIN).unwrap();
            assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{format}: {text:?}");
        }
        assert_eq!(
            render(&fleet(), "short", Paint::PLAIN).unwrap(),
            "No report could be judged. 1 report could not be read.\n"
        );
        assert!(
            render(&fleet(), "sarif", Paint::PLAIN).unwrap_err().starts_with("--format sarif tells of one")
        );
    }

    #[test]
    fn no_name_breaks_out_of_a_table() {
        let text = markdown(&fleet());
        assert!(text.contains("| a\\|b&lt;c&gt;&#64;d | it is \\`no\\`report |"), "{text}");
    }

    #[test]
    fn percent_is_of_all_and_never_of_none() {
        assert!((percent(1, 3) - 33.3).abs() < 1e-9 && percent(1, 0).abs() < 1e-9);
    }
}
