//! The VM would have to be built, and parts of it for Linux.

use crate::checks::prelude::*;
use crate::parse::dry_run::DryRun;
use crate::prose::and;

/// See the module.
pub static CHECK: Check = Check {
    id: "vm-image-not-cached",
    title: "The stock VM is in a binary cache",
    layer: Layer::Cache,
    severity: Severity::Warning,
    needs: &[],
    disproved_by: Proof::Nothing,
    why: "The VM is a Linux system, which only a Linux builder builds; a cache has the stock one of most revisions of nixpkgs. Where it has not, or where the VM is changed, the builder would be needed to build itself.",
    remedy: Remedy::same(Advice::manual(
        &["nix build --dry-run --no-link nixpkgs#darwin.linux-builder"],
        "The command says what would be built. Wait until the caches have it, or pin nixpkgs to a revision whose VM is there (a channel such as nixpkgs-26.05-darwin), and set up from that.",
    )),
    fixes: &[],
    references: &["NixOS/nixpkgs#257686", "NixOS/nixpkgs#341101", "nix-darwin/nix-darwin#1081"],
    judge,
    examples: &[
        Example {
            name: "a revision that no cache has built yet",
            given: |e| set(e, Some(built())),
            expect: Expect::Fail,
        },
        Example { name: "it is fetched", given: super::bare, expect: Expect::Pass },
        Example { name: "Nix does not say", given: |e| set(e, None), expect: Expect::Unknown },
        Example { name: "a builder is set up", given: |_| {}, expect: Expect::Moot },
        Example { name: "Linux", given: healthy::on_linux, expect: Expect::Moot },
    ],
};

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    if let Some(moot) = on_mac(e)? {
        return Ok(moot);
    }
    if crate::checks::config::set_up(e, want).is_ok_and(|it| it.is_some()) {
        return moot("a builder is set up already");
    }
    let unasked =
        || Missing { because: "Nix did not say what the stock VM takes".to_owned(), by_choice: true };
    let image = e.setup()?.image.as_ref().ok_or_else(unasked)?;
    match image.built {
        0 => pass("nothing of it would be built"),
        count => fail(
            format!(
                "{} would be built for it, such as {}",
                crate::prose::count(count, "derivation"),
                and(&image.names.iter().map(String::as_str).collect::<Vec<_>>())
            ),
            "a VM that is only fetched",
        )
        .verdict(),
    }
}

fn set(e: &mut Evidence, image: Option<DryRun>) {
    super::bare(e);
    healthy::set_setup(e, |it| it.image = image);
}

fn built() -> DryRun {
    DryRun { built: 1, fetched: 0, names: vec!["nixos-system-nixos-26.05".to_owned()] }
}
