//! Something that is no SSH server answers at the builder's port.

use super::set_port;
use crate::checks::prelude::*;
use crate::evidence::port::PortAnswer;

/// See the module.
pub static CHECK: Check = Check {
    id: "port-31022-in-use",
    title: "The builder's port belongs to the builder",
    layer: Layer::Service,
    severity: Severity::Error,
    needs: &[],
    disproved_by: Proof::ABuildThere,
    why: "The VM's sshd is forwarded to this port. Where another program has it, QEMU ends with `Could not set up host \
          forwarding rule`, and Nix talks to the wrong one.",
    remedy: Remedy::same(Advice::manual(
        &["sudo lsof -nP -iTCP:{port} -sTCP:LISTEN", "sudo launchctl kickstart -k system/{label}"],
        "The first command names the program that has the port: stop that, then run the second. Or give the VM another \
         port: virtualisation.darwin-builder.hostPort.",
    )),
    references: &["https://nixos.org/manual/nixpkgs/stable/#sec-darwin-builder"],
    judge,
    examples: &[
        Example {
            name: "a web server has the port",
            given: |e| set_port(e, PortAnswer::Other("HTTP/1.1 400 Bad Request".to_owned())),
            expect: Expect::Fail,
        },
        Example { name: "an SSH server answers", given: |_| {}, expect: Expect::Pass },
        Example { name: "nobody listens", given: |e| set_port(e, PortAnswer::Refused), expect: Expect::Pass },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let port = e.port_of(&machine.host)?;
    match &port.answer {
        PortAnswer::Other(said) => fail(
            format!("what answers at {} is no SSH server: it says {said:?}", port.place()),
            "the VM's sshd, or nobody",
        )
        .word("port", port.port.to_string())
        .verdict(),
        PortAnswer::Ssh(banner) => pass(banner),
        _ => pass(format!("nothing foreign answers at {}", port.place())),
    }
}
