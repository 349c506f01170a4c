//! What a derivation that the user names requires, as `nix derivation show` tells it. Nothing is built for it.

use super::Missing;
use crate::host::{Host, Stopped};
use crate::parse::derivation::{Required, parse};
use std::time::Duration;

/// Longer than any installable that somebody types.
const LONGEST: usize = 4096;

/// Whether it can be a derivation's path or an installable; the error says why not.
pub fn sane(installable: &str) -> Result<(), String> {
    let shown = crate::prose::line(installable);
    if installable.trim().is_empty() {
        Err("a derivation: it is empty".to_owned())
    } else if installable.starts_with('-') {
        Err(format!("{shown:?} is no derivation: Nix would read it as an option"))
    } else if installable.len() > LONGEST || installable.chars().any(char::is_control) {
        Err(format!("{shown:?} is no derivation: too long, or not plain text"))
    } else {
        Ok(())
    }
}

/// Evaluates it, in this time. Its inputs are not asked, and nothing is built on the way.
pub fn required(host: &dyn Host, installable: &str, deadline: Duration) -> Result<Required, Missing> {
    let args = ["derivation", "show", "--option", "allow-import-from-derivation", "false", "--", installable];
    let Some(command) = super::nix::command(host, &args) else {
        return Err(Missing::new("there is no Nix that would read the derivation"));
    };
    match host.run(&command.within(deadline)) {
        Ok(output) if output.ok() => parse(&output.stdout).map_err(Missing::new),
        Ok(output) if output.stopped == Some(Stopped::TooMuch) => {
            Err(Missing::new("the derivation is larger than 1 MiB"))
        }
        Ok(output) => Err(Missing::new(format!("`nix derivation show`: {}", output.complaint()))),
        Err(error) => Err(Missing::new(format!("`nix derivation show`: {error}"))),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::host::scripted::Scripted;

    const NIX: &str = "/run/current-system/sw/bin/nix";

    fn asked(host: &Scripted) -> Result<Required, String> {
        required(host, "nixpkgs#hello", Duration::from_secs(1)).map_err(|missing| missing.because)
    }

    #[test]
    fn what_nix_shows_or_says() {
        let nix = || Scripted::default().program("nix", NIX);
        let command = format!("{NIX} --extra-experimental-features 'nix-command flakes' derivation show");
        let shown = r#"{"derivations":{"x.drv":{"name":"x","system":"aarch64-linux"}},"version":4}"#;
        assert_eq!(asked(&nix().says(&command, shown)).unwrap().system, "aarch64-linux");
        // What Nix 2.34.8 says of a path that is not in the store.
        let error =
            "error: path '/nix/store/00000000000000000000000000000000-x.drv' is not a valid store path";
        let said = asked(&nix().fails(&command, error)).unwrap_err();
        assert_eq!(said, format!("`nix derivation show`: {error}"));
        assert_eq!(asked(&nix()).unwrap_err(), "`nix derivation show`: not found");
        assert_eq!(
            asked(&Scripted::default()).unwrap_err(),
            "there is no Nix that would read the derivation"
        );
    }

    #[test]
    fn no_option_passes_for_an_installable() {
        assert_eq!(sane("nixpkgs#hello"), Ok(()));
        assert_eq!(sane(".#checks.aarch64-linux.\"a b\""), Ok(()));
        for odd in ["", " ", "--impure", "a\nb", &"x".repeat(5000)] {
            assert!(sane(odd).is_err(), "{odd:?}");
        }
    }
}
