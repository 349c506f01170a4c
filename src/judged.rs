//! A machine that was looked at, or whose report was read, judged: as it is, and as others may see it.

use builder_doctor::diagnosis::{Diagnosis, Selection, diagnose};
use builder_doctor::drift::{self, Changes, Side};
use builder_doctor::evidence::Evidence;
use builder_doctor::expectations::Expectations;
use builder_doctor::host::secrets::Secrets;
use builder_doctor::redact::{Redaction, redact_together};
use builder_doctor::report::json::Saved;
use builder_doctor::report::purpose::Purpose;
use builder_doctor::report::replayed::Replayed;
use builder_doctor::report::{Report, Timings};

/// What is the same in every view.
pub struct Machine<'a> {
    /// What it is judged for.
    pub purpose: Purpose,
    pub want: &'a Expectations,
    pub selection: &'a Selection,
    pub timings: &'a Timings,
    /// The report that it is known from.
    pub saved: Option<&'a Saved>,
    pub interrupted: bool,
    pub offers_fixes: bool,
}

/// The evidence, with names or with tokens for them, and what it says.
pub struct View {
    pub evidence: Evidence,
    diagnosis: Diagnosis,
    /// What the machine was when it was last healthy, and what changed since.
    before: Option<(Saved, Changes)>,
}

impl Machine<'_> {
    /// Judges.
    pub fn judged(&self, evidence: Evidence) -> View {
        let diagnosis = diagnose(&self.purpose.checks(), &evidence, self.want, self.selection);
        View { evidence, diagnosis, before: None }
    }

    /// Compares with what the machine was when it was last healthy.
    pub fn compare(&self, view: &mut View, before: Saved) {
        let version = before.tool.version.as_str();
        let then = Side { evidence: &before.evidence, expectations: &before.expectations, version };
        let version = env!("CARGO_PKG_VERSION");
        let now = Side { evidence: &view.evidence, expectations: self.want, version };
        let changes = drift::since(&then, &now, &view.diagnosis);
        view.before = Some((before, changes));
    }

    /// The same machine with a token for each name, and what they stand for.
    pub fn for_others(&self, own: &View, secrets: &Secrets) -> Result<(View, Vec<Redaction>), String> {
        let before = own.before.as_ref().map(|(before, _)| before);
        let all: Vec<&Evidence> =
            std::iter::once(&own.evidence).chain(before.map(|before| &before.evidence)).collect();
        let (shown, redactions) = redact_together(&all, self.want, secrets)?;
        let mut shown = shown.into_iter();
        let mut view = self.judged(shown.next().unwrap_or_default());
        if let Some((before, evidence)) = before.zip(shown.next()) {
            self.compare(&mut view, before.with(evidence));
        }
        Ok((view, redactions))
    }

    /// The report of a view.
    pub fn report<'v>(&'v self, view: &'v View) -> Report<'v> {
        let mut report = Report::new(&view.diagnosis, &view.evidence, self.want, self.timings.clone());
        report.purpose = self.purpose;
        report.offers_fixes = self.offers_fixes;
        report.replayed = self.saved.map(|saved| Replayed::new(saved, &view.evidence, &view.diagnosis));
        // A preflight asks for neither.
        if let Some(replayed) = report.replayed.as_mut().filter(|_| self.purpose == Purpose::Preflight) {
            replayed.lacks.retain(|lack| !["root", "builds"].contains(&lack.what));
        }
        if self.interrupted {
            report.interrupted = true;
            report.exit_code = crate::terminal::INTERRUPTED;
        }
        report.changes = view.before.as_ref().map(|(_, changes)| changes.clone());
        report
    }
}
