//! Two builders on this Mac claim the same port, or the same system.

use super::{builders_bad_machine_spec, endpoint};
use crate::checks::prelude::*;
use crate::evidence::flavour::{BuilderJob, Flavour};
use crate::evidence::machines::linux;
use crate::parse::machines::Machine;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "builder-conflict",
    title: "The builders on this Mac do not get in each other's way",
    layer: Layer::Machines,
    severity: Severity::Warning,
    needs: &[&builders_bad_machine_spec::CHECK],
    disproved_by: Proof::Nothing,
    why: "Each kind of builder brings a launchd job, a port and a line in the machines file. Where two of them have one port, \
          only the first to start gets it: the other ends at once, again and again, and its line leads to the wrong VM.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(
                &["ls -l /Library/LaunchDaemons", "sudo darwin-rebuild switch"],
                "A job that no module made is left over: sudo launchctl bootout system/LABEL ends it, and its file can \
                 then be moved out of /Library/LaunchDaemons.",
            )
            .after_edit(
                "In your nix-darwin configuration, keep one of the builders ({rivals}), or give the second another port.",
            ),
        ),
        determinate: None,
        otherwise: Advice::manual(
            &["ls -l /Library/LaunchDaemons"],
            "Keep one of {rivals}, or give the second another port. For a job that is not wanted any more: sudo launchctl \
             bootout system/LABEL, and move its file out of /Library/LaunchDaemons.",
        ),
    },
    fixes: &[],
    references: &["cpick/nix-rosetta-builder#37", "DeterminateSystems/determinate#156"],
    judge,
    examples: &[
        Example {
            name: "linux-builder under two label prefixes",
            given: |e| jobs(e, &["com.example.linux-builder", "org.nixos.linux-builder"]),
            expect: Expect::Fail,
        },
        Example {
            name: "rosetta-builder at the port of linux-builder",
            given: |e| rosetta(e, 31022),
            expect: Expect::Fail,
        },
        Example {
            name: "Determinate's native builder for the same systems, and builds run",
            given: |e| set_external(e, "[{\"systems\":[\"aarch64-linux\"],\"program\":\"/usr/local/bin/determinate-nixd\"}]"),
            expect: Expect::Fail,
        },
        Example {
            name: "a job that is left over, and disabled",
            given: |e| {
                jobs(e, &["com.example.linux-builder", "org.nixos.linux-builder"]);
                let disabled = [("com.example.linux-builder".to_owned(), true)];
                e.disabled_jobs = Probe::seen(disabled.into(), "launchctl print-disabled system");
            },
            expect: Expect::Pass,
        },
        Example {
            name: "rosetta-builder at a port of its own",
            given: |e| rosetta(e, 31122),
            expect: Expect::Pass,
        },
        Example { name: "linux-builder alone", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "not a Mac",
            given: healthy::on_linux,
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    // What launchd is told never to start is in nobody's way.
    let off = |label: &str| e.disabled_jobs().is_ok_and(|all| all.get(label) == Some(&true));
    let jobs: Vec<&BuilderJob> = e.builder_jobs()?.iter().filter(|job| !off(&job.label)).collect();
    let machines: Vec<&Machine> = linux(e.machines()?).collect();
    let told = |seen: String, rivals: &[&str]| {
        fail(seen, "a port of its own for each builder").word("rivals", and(rivals))
    };
    // A stock VM has the one port, unless its alias says otherwise.
    let port_of = |flavour: Flavour| {
        let machine = machines.iter().find(|machine| machine.host == flavour.host())?;
        endpoint(e, machine)
    };
    let pairs =
        || jobs.iter().enumerate().flat_map(|(i, job)| jobs.iter().skip(i + 1).map(move |it| (job, it)));
    for (one, other) in pairs() {
        let (Some(a), Some(b)) = (one.flavour, other.flavour) else { continue };
        let clash = match (port_of(a), port_of(b)) {
            (Some(ours), Some(theirs)) if a != b => ours == theirs,
            _ => a.is_stock() && b.is_stock(),
        };
        if clash {
            let seen = format!("launchd has two jobs for one port: {} and {}", one.label, other.label);
            return told(seen, &[&one.label, &other.label]).verdict();
        }
    }
    let mut external = e.settings()?.external_systems();
    if crate::checks::config::external_is_off(e) {
        external.clear();
    }
    let shared = machines.iter().find_map(|machine| {
        let system = external.iter().find(|system| machine.offers(system) == Some(true))?;
        Some((machine, system))
    });
    if let Some((machine, system)) = shared {
        let seen = format!("both `external-builders` and {} take {system}", machine.host);
        // Which one takes a build differs between Nixes; whether builds run is told elsewhere.
        let rivals = ["external-builders", machine.host.as_str()];
        return told(seen, &rivals).as_bad_as(Severity::Note).verdict();
    }
    let labels: Vec<&str> = jobs.iter().map(|job| job.label.as_str()).collect();
    pass(if labels.is_empty() { "no builder runs on this Mac".to_owned() } else { and(&labels) })
}

fn jobs(e: &mut Evidence, labels: &[&str]) {
    let job = |label: &&str| BuilderJob { label: (*label).to_owned(), flavour: Flavour::of_label(label) };
    e.builder_jobs = Probe::seen(labels.iter().map(job).collect(), "/Library/LaunchDaemons");
}

fn rosetta(e: &mut Evidence, port: u16) {
    jobs(e, &["org.nixos.linux-builder", "org.nixos.rosetta-builderd"]);
    let line = "ssh-ng://rosetta-builder aarch64-linux,x86_64-linux - 8 1 kvm - -\n";
    healthy::set_machines(e, &format!("{}{line}", healthy::MACHINES));
    super::add_view(e, "rosetta-builder", "localhost", port);
}

fn set_external(e: &mut Evidence, value: &str) {
    use crate::evidence::nix_config::ConfigView;
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.external_builders = Some(value.to_owned());
        config.experimental_features.get_or_insert_default().push("external-builders".to_owned());
    }
}
