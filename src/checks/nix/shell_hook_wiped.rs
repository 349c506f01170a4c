//! Nix is there and PATH does not lead to it, as the shell's files lost the lines that put it there.

use super::nix_not_installed;
use crate::checks::prelude::*;
use crate::evidence::shell_hooks::{ShellFile, ShellHooks};
use crate::fix::fixes::shell_hook;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "shell-hook-wiped",
    title: "The shell's files put Nix on PATH",
    layer: Layer::Nix,
    severity: Severity::Warning,
    needs: &[&nix_not_installed::CHECK],
    disproved_by: Proof::Nothing,
    why: "An update of macOS replaces /etc/zshrc and /etc/bashrc, and with them the lines by which a shell finds Nix: `zsh: \
          command not found: nix`. Nix itself and its daemon are whole, so nothing needs installing again.",
    remedy: Remedy {
        nix_darwin: Some(Advice::manual(
            &[
                "sudo mv {shell-file} {shell-file}.before-nix-darwin",
                "sudo /nix/var/nix/profiles/system/sw/bin/darwin-rebuild switch",
            ],
            "nix-darwin puts its own file in the place of one that is out of the way. Then open a new shell.",
        )),
        determinate: Some(Advice::safe(
            &["sudo /nix/nix-installer repair"],
            "It writes the lines again. Then open a new shell.",
        )),
        otherwise: Advice::manual(
            &["ls /nix/var/nix/profiles/default/etc/profile.d/nix-daemon.sh"],
            "Then open a new shell.",
        )
        .after_edit(
            "Add to {shell-file}:\n\n    if [ -e '/nix/var/nix/profiles/default/etc/profile.d/nix-daemon.sh' ]; then\n      \
             . '/nix/var/nix/profiles/default/etc/profile.d/nix-daemon.sh'\n    fi",
        ),
    },
    fixes: &[&shell_hook::LINES],
    references: &[
        "NixOS/nix#3616",
        "NixOS/nix#6927",
        "NixOS/nix#7880",
        "DeterminateSystems/nix-installer#593",
    ],
    judge,
    examples: &[
        Example { name: "macOS's own /etc/zshrc", given: |e| set(e, "zsh", false, false), expect: Expect::Fail },
        Example { name: "PATH has it", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "the lines are there, and this shell did not read them",
            given: |e| set(e, "zsh", true, false),
            expect: Expect::Pass,
        },
        Example {
            name: "the user's own file has them",
            given: |e| set(e, "zsh", false, true),
            expect: Expect::Pass,
        },
        Example { name: "another shell", given: |e| set(e, "fish", false, false), expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, _: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    let nix = e.nix()?;
    let Some(path) = &nix.path else { return moot("there is no Nix to be found") };
    if nix.on_path {
        return pass("PATH has Nix");
    }
    let hooks = e.shell_hooks()?;
    if !["zsh", "bash"].contains(&hooks.shell.as_str()) {
        return moot(format!("it is not known which files {} reads", hooks.shell));
    }
    if let Some(file) = hooks.files.iter().find(|file| file.names_nix) {
        return pass(format!("{} has the lines, and this shell did not read them", file.path));
    }
    if hooks.own {
        return pass("a file of the user's own has the lines");
    }
    let files: Vec<&str> = hooks.files.iter().map(|file| file.path.as_str()).collect();
    let seen = match files.as_slice() {
        [] => {
            format!("Nix is at {path}, and the system has no file for {} that would lead to it", hooks.shell)
        }
        [one] => format!("Nix is at {path}, and {one} no longer leads to it"),
        several => format!("Nix is at {path}, and none of {} leads to it", and(several)),
    };
    let seen = seen + &nix.not_looked_for();
    let file = if hooks.shell == "bash" { "/etc/bashrc" } else { "/etc/zshrc" };
    fail(seen, "a new shell that finds nix").word("shell-file", file).verdict()
}

fn set(e: &mut Evidence, shell: &str, system: bool, own: bool) {
    if let Probe::Seen { fact, .. } = &mut e.nix {
        fact.path = Some("/nix/var/nix/profiles/default/bin/nix".to_owned());
        fact.on_path = false;
    }
    let files = ["/etc/zprofile", "/etc/zshrc"];
    let files = files.map(|path| ShellFile { path: path.to_owned(), names_nix: system });
    let hooks = ShellHooks { shell: shell.to_owned(), files: files.into(), own };
    e.shell_hooks = Probe::seen(hooks, "the files that the shell reads");
}
