//! Sets a nix.custom.conf that stops nix-darwin's activation aside.

use crate::fix::ground::on_a_mac;
use crate::fix::step::{Action, Back, Step};
use crate::fix::{Fix, NoPlan, Safety};

/// See the module. What it sets is no longer read: that is the user's to decide.
pub static SET_ASIDE: Fix = Fix {
    id: "set-custom-conf-aside",
    title: "Set nix.custom.conf aside, under another name",
    safety: Safety::Ask,
    plan: |e, _, _| {
        on_a_mac(e)?;
        if !e.custom_conf()?.present {
            return Err(NoPlan::NotHere("it is not there".to_owned()));
        }
        let from = "/etc/nix/nix.custom.conf".to_owned();
        let to = format!("{from}.before-nix-darwin");
        let back = Back::by(Action::MoveBack { from: to.clone(), to: from.clone() });
        let why = "have the next darwin-rebuild switch go through; nothing of it is lost";
        Ok(vec![Step::new(Action::MoveAside { from, to }, why, back)])
    },
};
