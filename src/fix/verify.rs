//! Whether a fix helped: its check passes now, and nothing that passed before fails.

use crate::check::{Severity, Verdict};
use crate::diagnosis::{Diagnosis, Judged};

/// What a fix itself causes as long as nobody has said that it helped.
const OF_THE_FIX: &str = crate::checks::host::fix_not_ended::CHECK.id;

/// The error says why it is to be taken back: a fragment that reads after "because".
pub fn helped(id: &str, before: &Diagnosis, after: &Diagnosis) -> Result<(), String> {
    let of = |d: &'_ Diagnosis, id: &str| d.results.iter().position(|it| it.check.id == id);
    let now = of(after, id).and_then(|at| after.results.get(at));
    match now.map(|it| (&it.verdict, it)) {
        Some((Verdict::Pass(_) | Verdict::Moot(_), _)) => {}
        // A build that ran disproves it.
        Some((Verdict::Fail(_), it)) if it.severity == Severity::Note => {}
        Some((Verdict::Fail(finding), _)) => return Err(format!("{id} is still so: {}", finding.seen)),
        Some((Verdict::Unknown(missing), it)) => {
            let causes: Vec<&str> = it.because_of.iter().map(|check| check.id).collect();
            let why = match causes.as_slice() {
                [] => missing.because.clone(),
                causes => crate::prose::and(causes),
            };
            return Err(format!("whether {id} is gone cannot be told ({why})"));
        }
        None => return Err(format!("{id} was not asked")),
    }
    let fails = |it: &&Judged| {
        matches!(it.verdict, Verdict::Fail(_)) && it.severity > Severity::Note && it.check.id != OF_THE_FIX
    };
    let passed = |it: &&Judged| {
        let then = of(before, it.check.id).and_then(|at| before.results.get(at));
        then.is_some_and(|then| matches!(then.verdict, Verdict::Pass(_)))
    };
    let worse: Vec<&Judged> = after.results.iter().filter(fails).filter(passed).collect();
    match worse.first().and_then(|it| Some((it.check.id, it.finding()?))) {
        None => Ok(()),
        Some((id, finding)) => Err(format!("{id} passed before and fails now: {}", finding.seen)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::check::Check;
    use crate::checks;
    use crate::diagnosis::{Selection, diagnose};
    use crate::evidence::healthy;
    use crate::expectations::Expectations;

    fn with(failing: &[&Check]) -> Diagnosis {
        let mut e = healthy::evidence();
        for check in failing {
            (check.examples[0].given)(&mut e);
        }
        diagnose(&checks::all(), &e, &Expectations::default(), &Selection::default())
    }

    #[test]
    fn a_check_that_passes_and_nothing_worse_is_help() {
        let key = &checks::ssh::ssh_key_too_open::CHECK;
        let host = &checks::host::localhost_does_not_resolve::CHECK;
        assert_eq!(helped(key.id, &with(&[key]), &with(&[])), Ok(()));
        // Another fault that was there before is the next one's.
        assert_eq!(helped(key.id, &with(&[key, host]), &with(&[host])), Ok(()));
        let still = helped(key.id, &with(&[key]), &with(&[key])).unwrap_err();
        assert!(still.starts_with("ssh-key-too-open is still so: "), "{still}");
        let worse = helped(key.id, &with(&[key]), &with(&[host])).unwrap_err();
        assert!(worse.contains("localhost-does-not-resolve passed before and fails now"), "{worse}");
    }

    #[test]
    fn what_cannot_be_told_is_no_help() {
        let key = &checks::ssh::ssh_key_too_open::CHECK;
        let empty =
            diagnose(&checks::all(), &Default::default(), &Expectations::default(), &Selection::default());
        let unknown = helped(key.id, &with(&[key]), &empty).unwrap_err();
        assert!(unknown.contains("cannot be told"), "{unknown}");
    }
}
