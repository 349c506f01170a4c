//! Names localhost in /etc/hosts again.

use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, Safety};

/// See the module.
pub static LOCALHOST: Fix = Fix {
    id: "name-localhost",
    title: "Name localhost in /etc/hosts",
    safety: Safety::Ask,
    plan: |e, _, _| {
        let found = e.localhost()?;
        let has = |mark: char| found.addresses.iter().any(|address| address.contains(mark));
        let mut lines = Vec::new();
        if !has('.') {
            lines.push("127.0.0.1 localhost".to_owned());
        }
        if !has(':') {
            lines.push("::1 localhost".to_owned());
        }
        let action = Action::AppendLines { path: "/etc/hosts".to_owned(), lines };
        Ok(vec![Step::new(action, "have localhost lead to this machine", Back::from_journal())])
    },
};
