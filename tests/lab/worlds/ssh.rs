//! The way from the daemon into the VM.

use crate::world::{Expect, Report, Run, Who, World, text};

pub const WORLDS: &[World] = &[
    World {
        name: "ssh-login-refused-on-a-terminal",
        doc: "The guest authorises another key, and alice sits at a terminal, where ssh would ask for a password.",
        after: r#"
            cat /keys/other_ed25519.pub >$GUEST/home/builder/.ssh/authorized_keys
            mkdir -p $HOST/opt/terminal
            cat >$HOST/opt/terminal/builder-doctor <<'END'
#!/usr/bin/python3
import os, pty, sys
report = os.dup(1)
child, terminal = pty.fork()
if child == 0:
    os.dup2(report, 1)
    os.execv("/usr/local/bin/builder-doctor", ["builder-doctor", *sys.argv[1:]])
try:
    while os.read(terminal, 4096):
        pass
except OSError:
    pass
sys.exit(os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]))
END
            chmod 755 $HOST/opt/terminal/builder-doctor
            MAC_PATH=/opt/terminal:$MAC_PATH
        "#,
        run: &[Run { who: Who::Alice, args: &["--json", "--sudo"], expect: Expect::That(told_by_root) }],
        ..World::HEALTHY
    },
    World {
        name: "ssh-shut-out",
        doc: "Logins have just failed, five of them, and sshd shuts the Mac out for a while.",
        after: "
            : >$GUEST/home/builder/.ssh/authorized_keys
            for n in 1 2 3 4 5; do dial >/dev/null 2>&1 || :; done
        ",
        run: &[
            Run::alice(Expect::Roots(&["ssh-shut-out"])),
            Run::alice_sudo(Expect::Roots(&["ssh-shut-out"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-alias-missing-wrong-port",
        doc: "The alias leads to a port at which nobody listens; the VM is well.",
        before: "edit_etc ssh/ssh_config.d/100-linux-builder.conf 's/31022/31099/'",
        run: &[Run::alice(Expect::Roots(&["ssh-alias-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "ssh-connection-refused",
        doc: "The builder is another machine, and its sshd is off; the VM of this Mac has no line.",
        before: r#"
            machines "ssh-ng://builder@other-linux aarch64-linux,x86_64-linux $KEY 4 1 $FEATURES - $HOST_KEY"
            printf 'Host other-linux\n  User builder\n  Hostname 127.0.0.1\n  Port 2222\n' |
                etc_file ssh/ssh_config.d/200-other-linux.conf
        "#,
        run: &[Run::alice(Expect::Roots(&["ssh-connection-refused"]))],
        ..World::HEALTHY
    },
    World {
        name: "ssh-alias-missing",
        doc: "The ssh alias linux-builder is gone.",
        before: "remove_etc ssh/ssh_config.d/100-linux-builder.conf",
        run: &[
            Run::alice(Expect::Roots(&["ssh-alias-missing"])),
            Run::alice_sudo(Expect::Roots(&["ssh-alias-missing"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-alias-missing-but-own",
        doc: "The alias stands in alice's own ~/.ssh/config, which the daemon's ssh does not read.",
        before: r#"
            mkdir -p $HOST/Users/alice/.ssh
            cat $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf >$HOST/Users/alice/.ssh/config 2>/dev/null ||
                chroot $HOST cat /etc/ssh/ssh_config.d/100-linux-builder.conf >$HOST/Users/alice/.ssh/config
            chown -R 501:20 $HOST/Users/alice/.ssh
            remove_etc ssh/ssh_config.d/100-linux-builder.conf
        "#,
        run: &[
            Run::alice(Expect::Roots(&["ssh-alias-missing"])),
            Run::alice_sudo(Expect::Roots(&["ssh-alias-missing"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "healthy-alias-of-root",
        doc: "Nobody manages this Mac's files, and the alias stands in root's own ~/.ssh/config, which only root sees.",
        before: r#"
            determinate_alone
            install -D -m 600 $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf $HOST/var/root/.ssh/config
            rm $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf
        "#,
        run: &[
            Run::alice(Expect::That(|report| report.no_alarm())),
            Run {
                who: Who::Alice,
                args: &["--json", "--quick"],
                expect: Expect::That(|report| match report.findings() {
                    [] => report.exits(3),
                    some => Err(format!("{} is found, and nothing is wrong", some[0]["id"])),
                }),
            },
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-alias-not-included",
        doc: "An update of macOS took the Include line out of /etc/ssh/ssh_config.",
        before: "sed -i '/^Include/d' $HOST/etc/ssh/ssh_config",
        run: &[Run::alice(Expect::Roots(&["ssh-alias-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "ssh-config-bad-permissions",
        doc: "The alias file may be written by anyone, so that ssh refuses to read it.",
        before: "
            rm $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf
            cp $STATIC/../../*-100-linux-builder.conf $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf
            chmod 666 $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf
        ",
        run: &[Run::alice(Expect::Roots(&["ssh-config-bad-permissions"]))],
        ..World::HEALTHY
    },
    World {
        name: "ssh-config-bad-owner",
        doc: "The alias file belongs to alice: her ssh reads it, and root's refuses to.",
        before: "
            rm $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf
            install -m 644 -o 501 -g 20 $STATIC/../../*-100-linux-builder.conf \\
                $HOST/etc/ssh/ssh_config.d/100-linux-builder.conf
        ",
        run: &[
            Run::alice(Expect::Roots(&["ssh-config-bad-permissions"])),
            Run::alice_sudo(Expect::Roots(&["ssh-config-bad-permissions"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-key-missing",
        doc: "The builder's key is not in /etc/nix.",
        after: "rm $HOST/etc/nix/builder_ed25519 $HOST/etc/nix/builder_ed25519.pub",
        run: &[Run::alice(Expect::Roots(&["ssh-key-missing"]))],
        ..World::HEALTHY
    },
    World {
        name: "ssh-key-too-open",
        doc: "Someone made the builder's key readable by all, so that root's ssh ignores it.",
        after: "chmod 644 $HOST/etc/nix/builder_ed25519",
        run: &[
            Run::alice(Expect::Roots(&["ssh-key-too-open"])),
            Run::alice_sudo(Expect::Roots(&["ssh-key-too-open"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-key-too-open-and-shut-out",
        doc: "The same, and the doctor has just been here: its test builds failed to log in, and sshd shuts the Mac out.",
        after: "chmod 644 $HOST/etc/nix/builder_ed25519; as_alice builder-doctor --json >/dev/null || :",
        run: &[Run::alice(Expect::Roots(&["ssh-key-too-open"]))],
        ..World::HEALTHY
    },
    World {
        name: "ssh-host-key-mismatch",
        doc: "What answers on the builder's port has another host key than the machine line says.",
        before: "
            install -m 600 /keys/other_host_key $GUEST/etc/ssh/ssh_host_ed25519_key
            install -m 644 /keys/other_host_key.pub $GUEST/etc/ssh/ssh_host_ed25519_key.pub
        ",
        run: &[
            Run::alice(Expect::Roots(&["ssh-host-key-mismatch"])),
            Run::alice_sudo(Expect::Roots(&["ssh-host-key-mismatch"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-login-refused",
        doc: "The guest authorises another key than the one in /etc/nix.",
        after: "cat /keys/other_ed25519.pub >$GUEST/home/builder/.ssh/authorized_keys",
        run: &[
            Run::alice(Expect::Roots(&["ssh-login-refused"])),
            Run::alice_sudo(Expect::Roots(&["ssh-login-refused"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-root-known-hosts-missing",
        doc: "The machine line has no host key, and root never accepted one.",
        before: "machines \"$(machine '' '' 4 1 '' - -)\"",
        run: &[
            Run::root(Expect::Roots(&["ssh-root-known-hosts-missing"])),
            Run::alice_sudo(Expect::Roots(&["ssh-root-known-hosts-missing"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-remote-nix-unusable-daemon-gone",
        doc: "ssh works, and the Nix daemon in the guest is gone.",
        after: r#"
            for process in /proc/[0-9]*; do
                [ "$(readlink $process/root)" = /guest ] && grep -q nix-daemon $process/cmdline && kill ${process#/proc/} || :
            done
            rm -f $GUEST/nix/var/nix/daemon-socket/socket
        "#,
        run: &[
            Run::alice(Expect::Roots(&["ssh-remote-nix-unusable"])),
            Run::alice_sudo(Expect::Roots(&["ssh-remote-nix-unusable"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-remote-nix-unusable-banner",
        doc: "The builder's .bashrc prints a greeting into Nix's channel.",
        before: "sed -i '1i echo Welcome to the builder!' $GUEST/home/builder/.bashrc",
        run: &[
            Run::alice(Expect::Roots(&["ssh-remote-nix-unusable"])),
            Run::alice_sudo(Expect::Roots(&["ssh-remote-nix-unusable"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-half-open-hang",
        doc: "The VM was restarted during a build, whose ssh did not notice: it is stopped here, as one that no packet reaches; \
              it still holds the only slot. How old it is, is imitated.",
        before: r#"
            machines "$(machine '' '' 1)"
            printf '[test-build]\ninstallable = "nixpkgs#hello"\ntimeout = "3s"\n' >$HOST/etc/builder-doctor.toml
        "#,
        after: "
            hold_slot
            kill -STOP $SSH_OF_IT
            process_age $SSH_OF_IT 9000
            restart $BUILDER
        ",
        run: &[Run::alice(Expect::Roots(&["ssh-half-open-hang"]))],
        ..World::HEALTHY
    },
    World {
        name: "ssh-key-mismatch",
        doc: "/etc/nix was restored from a backup: the pair of keys there is another than the VM's.",
        after: "
            install -m 600 -g 350 /keys/other_ed25519 $HOST$KEY
            install -m 644 -g 350 /keys/other_ed25519.pub $HOST$KEY.pub
        ",
        run: &[
            // The VM's folder is root's, so alice cannot compare.
            Run::alice(Expect::Roots(&["ssh-login-refused"])),
            Run::alice_sudo(Expect::Roots(&["ssh-key-mismatch"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-key-mismatch-of-public-keys",
        doc: "Only the public key in /etc/nix is of another pair, and ssh goes by that; anybody can compare the public keys.",
        before: "chmod 644 $HOST/var/lib/linux-builder/keys/builder_ed25519.pub",
        after: "install -m 644 -g 350 /keys/other_ed25519.pub $HOST$KEY.pub",
        run: &[
            Run::alice(Expect::Roots(&["ssh-key-mismatch"])),
            Run::alice_sudo(Expect::Roots(&["ssh-key-mismatch"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-too-many-auth-failures",
        doc: "An agent of eight keys is set for every host, and the builder's sshd (with MaxAuthTries 2, and without penalties) hangs up \
              before its own key's turn.",
        before: r"printf 'MaxAuthTries 2\nPerSourcePenalties no\n' >>$GUEST/etc/ssh/sshd_config",
        after: r#"
            agent=/var/root/agent/socket
            mkdir -p $HOST/var/root/agent
            as_root ssh-agent -a $agent >/dev/null
            for n in 1 2 3 4 5 6 7 8; do
                as_root ssh-keygen -q -t ed25519 -N '' -f /var/root/agent/id_$n
                as_root env SSH_AUTH_SOCK=$agent ssh-add -q /var/root/agent/id_$n
            done
            printf 'Host *\n  IdentityAgent %s\n' $agent >$HOST/etc/ssh/ssh_config.d/050-agent.conf
        "#,
        run: &[
            Run::alice(Expect::Roots(&["ssh-login-refused"])),
            Run::alice_sudo(Expect::Roots(&["ssh-too-many-auth-failures"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-multiplexing-in-protocol",
        doc: "ssh shares connections to every host, and the guest's sshd allows one session on each.",
        before: "echo 'MaxSessions 1' >>$GUEST/etc/ssh/sshd_config",
        after: r#"
            printf 'Host *\n  ControlMaster auto\n  ControlPath /tmp/mux-%%C\n  ControlPersist 600\n' \
                >$HOST/etc/ssh/ssh_config.d/050-mux.conf
            as_root ssh -i $KEY -oUserKnownHostsFile=/dev/null -oStrictHostKeyChecking=no linux-builder \
                sleep 600 >/dev/null 2>&1 &
            master() { for file in $HOST/tmp/mux-*; do [ -S "$file" ]; return; done; }
            wait_for 'the shared connection' master
        "#,
        run: &[
            Run::alice(Expect::Roots(&["ssh-multiplexing-in-protocol"])),
            Run::alice_sudo(Expect::Roots(&["ssh-multiplexing-in-protocol"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-key-unreadable-by-user",
        doc: "Nix was installed for alice alone, who dials by herself and cannot read root's key.",
        before: "
            chown 501 $HOST/nix $HOST/nix/store
            chown -R 501 $HOST/nix/var
        ",
        after: "LAB_ENV=(NIX_REMOTE=local)",
        run: &[Run::alice(Expect::Roots(&["ssh-key-unreadable-by-user"]))],
        ..World::HEALTHY
    },
    World {
        name: "vm-state-corrupt",
        doc: "The guest lets the key in and does not know its account (imitated: root's ssh prints PAM's words and hangs up).",
        after: r#"
            mv $HOST/usr/bin/ssh $HOST/usr/bin/ssh.real
            cat >$HOST/usr/bin/ssh <<'END'
#!/bin/sh
case " $* " in
    *' -G '* | *' -V '*) exec /usr/bin/ssh.real "$@" ;;
esac
echo 'User not known to the underlying authentication module' >&2
echo 'Connection closed by 127.0.0.1 port 31022' >&2
exit 255
END
            chmod 755 $HOST/usr/bin/ssh
            new_disk 'mv -f $HOST/usr/bin/ssh.real $HOST/usr/bin/ssh'
        "#,
        run: &[
            Run::alice(Expect::Roots(&["ssh-login-refused"])),
            Run::alice_sudo(Expect::Roots(&["vm-state-corrupt"])),
        ],
        ..World::HEALTHY
    },
    World {
        name: "ssh-host-key-of-another-kind",
        doc: "The builder's only host key is an RSA one, and its line says so.",
        before: r#"
            rm $GUEST/etc/ssh/ssh_host_*
            in_guest ssh-keygen -q -t rsa -b 2048 -N '' -C root@nixos -f /etc/ssh/ssh_host_rsa_key
            machines "$(machine '' '' '' '' '' '' "$(base64 -w 0 $GUEST/etc/ssh/ssh_host_rsa_key.pub)")"
        "#,
        run: &[Run::alice(Expect::Healthy), Run::alice_sudo(Expect::Healthy)],
        ..World::HEALTHY
    },
    World {
        name: "ssh-host-key-mismatch-rsa",
        doc: "The same, and its line holds another RSA key.",
        before: r#"
            rm $GUEST/etc/ssh/ssh_host_*
            in_guest ssh-keygen -q -t rsa -b 2048 -N '' -C root@nixos -f /etc/ssh/ssh_host_rsa_key
            in_guest ssh-keygen -q -t rsa -b 2048 -N '' -C root@nixos -f /root/other
            machines "$(machine '' '' '' '' '' '' "$(base64 -w 0 $GUEST/root/other.pub)")"
        "#,
        run: &[Run::alice(Expect::Roots(&["ssh-host-key-mismatch"]))],
        ..World::HEALTHY
    },
];

/// Root was refused, and said so: nothing waited for an answer that nobody gives.
fn told_by_root(report: &Report) -> Result<(), String> {
    let first = report.findings().first().map(|finding| (text(finding, "id"), text(finding, "seen")));
    match first {
        Some(("ssh-login-refused", seen)) if seen.contains("Permission denied") => report.exits(1),
        other => Err(format!("the first finding is {other:?}, and root's own words are not in it")),
    }
}
