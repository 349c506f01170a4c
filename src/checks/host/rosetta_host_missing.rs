//! Rosetta is missing on a Mac that is to build for x86_64-darwin, or whose builder rests on it.

use crate::checks::prelude::*;
use crate::evidence::conf_files::origin;
use crate::evidence::service::PlistState;

/// See the module.
pub static CHECK: Check = Check {
    id: "rosetta-host-missing",
    title: "Rosetta is there where it is needed",
    layer: Layer::Host,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "An Apple silicon Mac runs programs for x86_64-darwin by Rosetta, which is not part of macOS until it is asked \
          for; an update of macOS may remove it. Builders that use Virtualization.framework pass it into the VM for \
          x86_64-linux. The stock linux-builder, which is QEMU, does not need it.",
    remedy: Remedy::same(Advice::manual(
        &["softwareupdate --install-rosetta", "sudo launchctl kickstart -k system/{daemon-label}"],
        "The first command shows Apple's licence; the second lets the daemon see that Rosetta is there.",
    )),
    fixes: &[],
    references: &[
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-extra-platforms",
        "cpick/nix-rosetta-builder#5",
    ],
    judge,
    examples: &[
        Example {
            name: "x86_64-darwin is offered, and cannot run",
            given: |e| {
                set(e, false);
                offer(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the builder's job rests on it",
            given: |e| {
                set(e, false);
                healthy::set_machines(e, "ssh-ng://rosetta-builder aarch64-linux,x86_64-linux - 8 1 - - -\n");
            },
            expect: Expect::Fail,
        },
        Example { name: "it is there", given: offer, expect: Expect::Pass },
        Example { name: "nobody asked for it", given: |e| set(e, false), expect: Expect::Moot },
        Example {
            name: "an Intel Mac",
            given: |e| {
                set(e, false);
                offer(e);
                if let Probe::Seen { fact, .. } = &mut e.platform {
                    fact.machine = "x86_64".to_owned();
                }
            },
            expect: Expect::Moot,
        },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let platform = e.platform()?;
    if platform.system() != Some("aarch64-darwin") {
        return moot("it is part of Apple silicon");
    }
    let Some(rosetta) = platform.rosetta else {
        return Err(Missing { because: "nobody looked for Rosetta".to_owned(), by_choice: true });
    };
    if rosetta {
        let under = "it is there, and this program runs under it, so `uname -m` says x86_64";
        return pass(if platform.translated == Some(true) { under } else { "it is there" });
    }
    // Only what a file says: older Nixes put it there by themselves, Rosetta or not.
    let files = e.conf_files().map(Vec::as_slice).unwrap_or_default();
    let offered = origin(files, "extra-platforms")
        .is_some_and(|it| it.value.split_whitespace().any(|word| word == "x86_64-darwin"));
    let who = if offered {
        "extra-platforms offers x86_64-darwin".to_owned()
    } else if want.all_systems().any(|system| system == "x86_64-darwin") {
        "x86_64-darwin is expected".to_owned()
    } else if let Some(builder) = e.builder(want).ok().flatten().filter(|it| it.host.contains("rosetta")) {
        format!("the builder {} rests on it", builder.host)
    } else if is_by_rosetta(e) {
        "the builder's job rests on it".to_owned()
    } else {
        return moot("nothing here needs it");
    };
    fail(format!("Rosetta is not there, and {who}"), "Rosetta").verdict()
}

/// A job whose program is named after it.
fn is_by_rosetta(e: &Evidence) -> bool {
    let plist = e.builder_job().map(|job| &job.plist.state);
    matches!(plist, Ok(PlistState::Present(plist)) if plist.program_arguments.iter().any(|it| it.contains("rosetta")))
}

fn set(e: &mut Evidence, rosetta: bool) {
    if let Probe::Seen { fact, .. } = &mut e.platform {
        fact.rosetta = Some(rosetta);
    }
}

fn offer(e: &mut Evidence) {
    let text = format!("{}extra-platforms = x86_64-darwin\n", healthy::NIX_CONF);
    let conf = crate::parse::conf_files::parse("/etc/nix/nix.conf", &text);
    e.conf_files = Probe::seen(vec![conf], "/etc/nix/nix.conf");
}
