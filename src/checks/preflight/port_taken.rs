//! Somebody has the port of the builder that is to be set up.

use crate::checks::prelude::*;
use crate::evidence::setup::PortUse;

/// See the module.
pub static CHECK: Check = Check {
    id: "port-taken",
    title: "The port of the builder to come is free",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "The VM's sshd is forwarded to this port of the Mac. Where another program listens there, QEMU ends with `Could not set up host forwarding rule`, and the builder never comes up.",
    remedy: Remedy::same(Advice::manual(
        &["sudo lsof -nP -iTCP:{port} -sTCP:LISTEN"],
        "The command names the program: stop it. It may be a builder that was started by hand (`nix run nixpkgs#darwin.linux-builder`). Or give the VM another port: virtualisation.darwin-builder.hostPort.",
    )),
    fixes: &[],
    references: &["https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder"],
    judge,
    examples: &[
        Example {
            name: "a web server",
            given: |e| set(e, Some(PortUse::Taken("HTTP/1.1 400 Bad Request".to_owned()))),
            expect: Expect::Fail,
        },
        Example {
            name: "somebody who says nothing",
            given: |e| set(e, Some(PortUse::Taken(String::new()))),
            expect: Expect::Fail,
        },
        Example { name: "nobody", given: |e| set(e, Some(PortUse::Free)), expect: Expect::Pass },
        Example { name: "no answer", given: |e| set(e, None), expect: Expect::Unknown },
        Example { name: "a builder is installed", given: |_| {}, expect: Expect::Moot },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let port = want.builder.port;
    match e
        .setup()?
        .port
        .as_ref()
        .ok_or_else(|| Missing::new("whether the port is free could not be told"))?
    {
        PortUse::NotAsked => moot("a builder is installed, whose port it may be"),
        PortUse::Free => pass(format!("nobody listens at port {port}")),
        PortUse::Taken(said) => {
            let says = match said.as_str() {
                "" => "says nothing".to_owned(),
                said => format!("says {said:?}"),
            };
            fail(format!("somebody listens at port {port}, and {says}"), "nobody, until the VM does")
                .word("port", port.to_string())
                .verdict()
        }
    }
}

fn set(e: &mut Evidence, port: Option<PortUse>) {
    super::bare(e);
    healthy::set_setup(e, |it| it.port = port);
}
