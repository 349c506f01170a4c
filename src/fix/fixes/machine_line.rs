//! Changes one column of the builder's line, where nobody but the user writes the machines file.

use crate::check::Finding;
use crate::evidence::Evidence;
use crate::evidence::machines::Place;
use crate::expectations::Expectations;
use crate::fix::ground::{unmanaged, word};
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// The key that nixpkgs gives every stock VM is known beforehand: nothing is to be compared.
pub static STOCK_HOST_KEY: Fix = Fix {
    id: "write-stock-host-key",
    title: "Write the stock VM's host key, which the VM shows, into the builder's line",
    safety: Safety::Safe,
    plan: |e, want, finding| host_key(e, want, finding, true),
};

/// Any other key is to be compared first, by the user.
pub static SHOWN_HOST_KEY: Fix = Fix {
    id: "write-shown-host-key",
    title: "Write the host key that the builder shows into its line, once you have compared it",
    safety: Safety::Ask,
    plan: |e, want, finding| host_key(e, want, finding, false),
};

/// What the builder can do and its line does not say.
pub static FEATURE: Fix = Fix {
    id: "offer-feature",
    title: "Add the missing feature to the builder's line",
    safety: Safety::Ask,
    plan: |e, _, finding| {
        let missing = word(finding, "missing-feature")
            .ok_or_else(|| NoPlan::Unknown("which feature is missing".to_owned()))?;
        let why = format!("have builds that require {missing} sent there");
        column(e, finding.place.as_ref(), 5, &why, |old| match old {
            "-" => missing.to_owned(),
            some => format!("{some},{missing}"),
        })
    },
};

const HOST_KEY: usize = 7;

fn host_key(e: &Evidence, want: &Expectations, finding: &Finding, stock: bool) -> Result<Vec<Step>, NoPlan> {
    let machine = e.builder(want)?.ok_or_else(|| NoPlan::NotHere("no builder is declared".to_owned()))?;
    let scan = e.host_key_of(&machine.host)?.scan.as_ref();
    let shown = scan.and_then(|scan| scan.keys.first());
    let shown = shown.ok_or_else(|| NoPlan::Unknown("the builder shows no host key".to_owned()))?;
    let known = crate::parse::host_key::STOCK_HOST_KEY.split_whitespace().nth(1);
    if stock && !(e.is_own_vm(machine, want) && known == Some(shown.base64.as_str())) {
        return Err(NoPlan::NotHere("the builder does not show the stock VM's key".to_owned()));
    }
    let key = word(finding, "host-key-column").unwrap_or_default().to_owned();
    if key.is_empty() || key.contains(char::is_whitespace) {
        return Err(NoPlan::Unknown("the builder shows no host key".to_owned()));
    }
    let why = "tell root's ssh whom to expect";
    column(e, finding.place.as_ref(), HOST_KEY, why, |_| key)
}

/// The line with one column changed; columns before it that are not written are left at their defaults.
fn column(
    e: &Evidence,
    place: Option<&Place>,
    at: usize,
    why: &str,
    new: impl FnOnce(&str) -> String,
) -> Result<Vec<Step>, NoPlan> {
    let place = place.ok_or_else(|| NoPlan::Unknown("where the line stands".to_owned()))?;
    unmanaged(e, &place.path)?;
    let was = super::nix_conf::whole(place)?;
    if was.contains([';', '#', '"']) || was.trim_start().starts_with('@') {
        return Err(NoPlan::NotHere(format!(
            "line {} of {} holds more than one machine",
            place.line, place.path
        )));
    }
    let mut columns: Vec<String> = was.split_whitespace().map(str::to_owned).collect();
    if columns.len() <= at {
        columns.resize(at + 1, "-".to_owned());
    }
    if let Some(column) = columns.get_mut(at) {
        *column = new(column);
    }
    let action = Action::ReplaceLine {
        path: place.path.clone(),
        line: place.line,
        was: was.to_owned(),
        now: Some(columns.join(" ")),
    };
    // Each build reads the file anew, so no daemon is restarted.
    Ok(vec![Step::new(action, why, Back::from_journal())])
}
