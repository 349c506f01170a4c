//! /run or /nix is gone from the root of the Mac, as /etc/synthetic.conf no longer names it.

use crate::checks::prelude::*;
use crate::evidence::roots::Roots;
use crate::fix::fixes::synthetic_conf;

/// See the module.
pub static CHECK: Check = Check {
    id: "synthetic-conf-lost",
    title: "/run and /nix stand at the root of the Mac",
    layer: Layer::Host,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "Nobody can write to the root of macOS; what stands there besides its own folders is named in \
          /etc/synthetic.conf, and made when the Mac starts. An update of macOS or another program may replace that \
          file. Without /run the VM has no place for its certificates, and nix-darwin cannot activate a system; without \
          /nix there is no Nix.",
    remedy: Remedy::same(Advice::safe(
        &[
            "sudo grep -qsx nix /etc/synthetic.conf || echo nix | sudo tee -a /etc/synthetic.conf",
            r"sudo grep -qs '^run' /etc/synthetic.conf || printf 'run\tprivate/var/run\n' | sudo tee -a /etc/synthetic.conf",
            "sudo /System/Library/Filesystems/apfs.fs/Contents/Resources/apfs.util -t",
        ],
        "The first two commands add the lines where they are missing (the second only for nix-darwin), the third makes what \
         the file names; a restart of the Mac does so as well. Then start the VM anew:\n\n    \
         sudo launchctl kickstart -k system/{label}",
    )),
    fixes: &[&synthetic_conf::ADD],
    references: &["NixOS/nix#16447", "NixOS/nix#6839"],
    judge,
    examples: &[
        Example {
            name: "no /run under nix-darwin",
            given: |e| {
                without_run(e);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "no /nix, and the daemon's plist is left",
            given: |e| {
                let installed = Some("/Library/LaunchDaemons/org.nixos.nix-daemon.plist".to_owned());
                set(e, |roots| *roots = Roots { nix: Some(false), installed, ..roots.clone() });
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "/run is there, and the file no longer names it",
            given: |e| {
                set(e, |roots| roots.synthetic = Some(vec!["nix".to_owned()]));
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "no /run, and builds run on another machine",
            given: without_run,
            expect: Expect::Fail,
        },
        Example { name: "both are there and named", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the file is root's alone to read",
            given: |e| set(e, |roots| roots.synthetic = None),
            expect: Expect::Pass,
        },
        Example {
            name: "no /run, and no nix-darwin that needs it",
            given: |e| {
                without_run(e);
                if let Probe::Seen { fact, .. } = &mut e.managers {
                    fact.nix_darwin = None;
                }
            },
            expect: Expect::Pass,
        },
        Example { name: "not a Mac", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let managers = e.managers()?;
    if managers.nix_darwin.as_deref().is_some_and(|path| path.starts_with("/run/")) && e.roots().is_err() {
        return pass("/run is there");
    }
    let roots = e.roots()?;
    let named = |name: &str| roots.synthetic.as_ref().map(|all| all.iter().any(|it| it == name));
    let why = |name: &str| match named(name) {
        Some(false) => format!(", and /etc/synthetic.conf does not name {name}"),
        Some(true) => ", though /etc/synthetic.conf names it: it was not made since".to_owned(),
        None => ", and /etc/synthetic.conf cannot be read".to_owned(),
    };
    let ran = e.any_build_ran();
    if let (Some(false), Some(path), false) = (roots.nix, &roots.installed, ran) {
        return fail(
            format!("there is no /nix{}; {path} shows that Nix was installed", why("nix")),
            "a /nix",
        )
        .verdict();
    }
    if managers.nix_darwin.is_none() {
        return pass("/nix stands there, or Nix was never installed");
    }
    match (roots.run, named("run")) {
        (Some(false), _) => {
            let finding = fail(format!("there is no /run{}", why("run")), "/run, a link to private/var/run");
            // Builds that do not go through the VM go on; the next activation does not.
            let builder = e.builder(want).ok().flatten();
            let elsewhere = builder.is_some_and(|machine| !e.is_own_vm(machine, want));
            let milder = elsewhere || ran;
            let finding = if milder { finding.as_bad_as(Severity::Warning) } else { finding };
            finding.verdict()
        }
        // Nothing else makes it, so it was made from a file that has changed since.
        (Some(true), Some(false)) => fail(
            "/run is there, and /etc/synthetic.conf no longer names it: it is gone when the Mac is restarted",
            "a line for run in /etc/synthetic.conf",
        )
        .as_bad_as(Severity::Warning)
        .verdict(),
        (Some(true), _) => pass("/run is there"),
        (None, _) => Err(Missing::new("it cannot be told whether there is a /run")),
    }
}

fn set(e: &mut Evidence, change: impl FnOnce(&mut Roots)) {
    if let Probe::Seen { fact, .. } = &mut e.roots {
        change(fact);
    }
}

fn without_run(e: &mut Evidence) {
    set(e, |roots| {
        roots.run = Some(false);
        roots.synthetic = Some(vec!["nix".to_owned()]);
    });
    if let Probe::Seen { fact, .. } = &mut e.managers {
        fact.nix_darwin = Some("/etc/static".to_owned());
    }
}
