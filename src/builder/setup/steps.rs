//! Root's part of a set-up as steps, each with its way back. Pure.

use super::Order;
use super::ground::{BACKUP, CURRENT, Ground, PROFILE, ROOT_OF_CURRENT};
use crate::fix::step::{Action, Back, Condition, Interrupts, Step};

/// In order; the error says what is in the way.
pub fn steps(ground: &Ground, order: &Order) -> Result<Vec<Step>, String> {
    if let Some((path, what)) = ground.foreign.first() {
        let more = match ground.foreign.len() {
            1 => String::new(),
            many => format!(" (and {} more)", many - 1),
        };
        return Err(format!(
            "{path} is {what}{more}: nix-darwin stops there, and set-up moves regular files only; give it another name"
        ));
    }
    let mut steps: Vec<Step> = ground.in_the_way.iter().map(|path| backed_up(path)).collect();
    if ground.generation.as_ref().is_none_or(|(_, system)| *system != ground.system) {
        steps.push(new_generation(ground)?);
    }
    steps.push(activated(ground)?);
    let until = Condition::Banner { address: order.address.clone(), port: order.port };
    steps.push(Step::wait(until, order.at_most_seconds, "let the VM come up"));
    Ok(steps)
}

fn backed_up(path: &str) -> Step {
    let (from, to) = (path.to_owned(), format!("{path}{BACKUP}"));
    let back = Back::by(Action::MoveBack { from: to.clone(), to: from.clone() });
    Step::new(Action::MoveAside { from, to }, "let nix-darwin place its own", back)
}

fn run(words: &[&str]) -> Action {
    Action::Run { argv: words.iter().map(|word| (*word).to_owned()).collect() }
}

fn new_generation(ground: &Ground) -> Result<Step, String> {
    let nix = ground.nix.as_deref().ok_or("there is no Nix of root's where installers put one")?;
    let link = format!("{PROFILE}-{}-link", ground.next);
    let actions = match &ground.generation {
        Some((number, _)) => {
            vec![run(&["ln", "-sfn", &format!("system-{number}-link"), PROFILE]), run(&["rm", "-f", &link])]
        }
        None => vec![run(&["rm", "-f", PROFILE, &link])],
    };
    // Unlike nix-env it leaves nothing in root's home.
    let nix =
        [nix, "--extra-experimental-features", "nix-command", "build", "--no-link", "--profile", PROFILE];
    let set = run(&[&nix[..], &[&ground.system]].concat());
    Ok(Step::new(set, "make it the system's next generation", Back::By { actions }))
}

fn activated(ground: &Ground) -> Result<Step, String> {
    let actions = match &ground.previous {
        // The one before knows best how it was.
        Some(previous) => vec![as_current(&ground.system), run(&[&format!("{previous}/activate")])],
        None if !ground.has_uninstaller => {
            return Err(
                "this configuration has no darwin-uninstaller, so that it could not be taken back: leave system.tools.darwin-uninstaller.enable on"
                    .to_owned(),
            );
        }
        None => off_again(ground),
    };
    let activate = run(&[&format!("{}/activate", ground.system)]);
    let step = Step::new(activate, "place its files, and start its services", Back::By { actions });
    Ok(step.interrupting(Interrupts::AllBuilds))
}

/// An activation stops the services of the present system that its own does not have; one that was broken off has
/// started some, and is not the present one yet.
fn as_current(system: &str) -> Action {
    run(&["ln", "-sfn", system, CURRENT])
}

/// nix-darwin off a machine that had none. Its uninstaller gives every backup in /etc its old name, also those of
/// before, over whatever has that name by then.
fn off_again(ground: &Ground) -> Vec<Action> {
    let hide = ground.older.iter().map(|path| Action::Hide { path: path.clone() });
    let show = ground.older.iter().map(|path| Action::Show { path: path.clone() });
    let uninstall = run(&[&format!("{}/sw/bin/darwin-uninstaller", ground.system)]);
    let mut left = vec!["rm", "-f", CURRENT];
    if !ground.is_kept {
        left.push(ROOT_OF_CURRENT);
    }
    let keys = ground.no_keys.iter().map(|path| Action::RemoveFile { path: path.clone() });
    hide.chain([as_current(&ground.system), uninstall]).chain(show).chain([run(&left)]).chain(keys).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const SYSTEM: &str = "/nix/store/8wfz5jzb8fvvbp5kd6aqyhrd2v2dq0hz-darwin-system-26.05";
    const NIX: &str = "/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.34.8/bin/nix";

    fn bare() -> Ground {
        Ground {
            system: SYSTEM.to_owned(),
            in_the_way: vec!["/etc/nix/nix.conf".to_owned(), "/etc/zshrc".to_owned()],
            next: 1,
            nix: Some(NIX.to_owned()),
            has_uninstaller: true,
            no_keys: vec!["/etc/nix/builder_ed25519".to_owned()],
            ..Ground::default()
        }
    }

    fn of(ground: &Ground) -> Vec<String> {
        let order = Order {
            system: SYSTEM.to_owned(),
            flake: ".#x".to_owned(),
            address: "127.0.0.1".to_owned(),
            port: 31022,
            at_most_seconds: 300,
            after: 0,
        };
        let steps = steps(ground, &order).unwrap();
        steps.iter().map(|step| format!("{} | {}", step.action, step.back)).collect()
    }

    fn kept(name: &str, steps: &[String]) {
        let mut settings = insta::Settings::clone_current();
        settings.set_snapshot_path(concat!(env!("CARGO_MANIFEST_DIR"), "/snapshots/setup"));
        settings.set_prepend_module_to_snapshot(false);
        settings.set_omit_expression(true);
        settings.bind(|| insta::assert_snapshot!(name, steps.join("\n")));
    }

    #[test]
    fn where_nothing_was_all_is_taken_off_again() {
        kept("nothing_before", &of(&bare()));
    }

    #[test]
    fn older_backups_are_kept_from_the_uninstaller() {
        let ground = Ground { older: vec!["/etc/zshrc.before-nix-darwin".to_owned()], ..bare() };
        kept("older_backups", &of(&ground)[3..4]);
    }

    #[test]
    fn where_a_system_was_it_is_activated_again() {
        let previous = "/nix/store/a-darwin-system-25.11".to_owned();
        let ground = Ground {
            previous: Some(previous.clone()),
            generation: Some((7, previous)),
            next: 9,
            in_the_way: Vec::new(),
            has_uninstaller: false,
            ..bare()
        };
        kept("a_system_before", &of(&ground));
        // Its profile was set, and its activation failed.
        let ground = Ground { generation: Some((9, SYSTEM.to_owned())), ..ground };
        assert_eq!(of(&ground).len(), 2);
    }

    #[test]
    fn what_could_not_be_taken_back_or_is_no_file_is_not_begun() {
        let order = |ground: &Ground| {
            let order = Order {
                system: SYSTEM.to_owned(),
                flake: String::new(),
                address: String::new(),
                port: 1,
                at_most_seconds: 1,
                after: 0,
            };
            steps(ground, &order).unwrap_err()
        };
        assert!(order(&Ground { has_uninstaller: false, ..bare() }).contains("could not be taken back"));
        assert!(order(&Ground { nix: None, ..bare() }).contains("no Nix of root"));
        let foreign = vec![("/etc/zshrc".to_owned(), "a link to /Users/alice/zshrc".to_owned())];
        let said = order(&Ground { foreign, ..bare() });
        assert!(
            said.starts_with("/etc/zshrc is a link to /Users/alice/zshrc: nix-darwin stops there"),
            "{said}"
        );
    }
}
