//! Nix dials as the user, who cannot read the builder's key. Where the daemon dials, that is by design and no fault.

use super::ssh_key_missing;
use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::key_files::{KeyFile, KeyState};
use crate::evidence::nix_config::ConfigView;
use crate::evidence::state_folder::StateFolder;

/// See the module.
pub static CHECK: Check = Check {
    id: "ssh-key-unreadable-by-user",
    title: "Whoever dials the builder can read its key",
    layer: Layer::Ssh,
    severity: Severity::Error,
    needs: &[&nix_config_unreadable::CHECK, &ssh_key_missing::CHECK],
    disproved_by: Proof::ABuildThere,
    why: "The key belongs to root alone, and that is right: the daemon dials, as root, so that a login of your own is refused \
          although builds work. Only where Nix builds without the daemon (`store = local`, NIX_REMOTE, an installation \
          for one user) does it dial as you, and then the same key is out of reach.",
    remedy: Remedy::same(Advice::manual(
        &["nix config show store", "ls -ln /nix/var/nix {key}"],
        "Let the daemon build: take `store` out of your nix.conf, or NIX_REMOTE out of your shell's start-up files. Where \
         there is no daemon, as in an installation for one user, the key has to be yours: sudo chown \"$(id -un)\" {key}. \
         Its mode stays 600.",
    )),
    fixes: &[],
    references: &[
        "nix-darwin/nix-darwin#913",
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-store",
    ],
    judge,
    examples: &[
        Example {
            name: "alice builds without the daemon",
            given: |e| {
                set_store(e, "local");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "an installation for one user",
            given: |e| {
                e.state_folder =
                    Probe::seen(StateFolder { uid: 501, mode: "755".to_owned() }, "stat /nix/var/nix");
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "the same, with a key of alice's",
            given: |e| {
                set_store(e, "local");
                let state = KeyState::Present { mode: "600".to_owned(), uid: 501 };
                let path = "/etc/nix/builder_ed25519".to_owned();
                e.key_files = Probe::seen(vec![KeyFile { path, state }], "stat");
            },
            expect: Expect::Pass,
        },
        Example {
            name: "root builds without the daemon",
            given: |e| {
                set_store(e, "local");
                e.user = Probe::seen(crate::evidence::platform::User { uid: 0, name: None }, "id");
            },
            expect: Expect::Pass,
        },
        Example { name: "root's key, and the daemon dials", given: |_| {}, expect: Expect::Pass },
        Example {
            name: "another store",
            given: |e| set_store(e, "https://cache.nixos.org"),
            expect: Expect::Moot,
        },
        Example {
            name: "a key that its group may read",
            given: |e| {
                set_store(e, "local");
                let state = KeyState::Present { mode: "640".to_owned(), uid: 0 };
                let path = "/etc/nix/builder_ed25519".to_owned();
                e.key_files = Probe::seen(vec![KeyFile { path, state }], "stat");
            },
            expect: Expect::Unknown,
        },
    ],
};

/// Who makes the connection.
enum Dials {
    Daemon,
    /// The user, because of this.
    User(String),
    /// Neither: it is another kind of store.
    Nobody(String),
}

fn who_dials(e: &Evidence) -> Result<Dials, Missing> {
    let ConfigView::Read(config) = e.nix_config()? else {
        return Err(Missing::new("Nix's settings cannot be read"));
    };
    let store = config.store.as_deref().unwrap_or("auto");
    let scheme = store.split(['?', ':']).next().unwrap_or_default();
    Ok(match scheme {
        "" | "auto" => {
            // What Nix itself asks: whether it may write there, then whether there is a daemon.
            let answers = || e.nix_daemon().is_ok_and(|daemon| daemon.info.succeeded);
            match e.state_folder() {
                // Root's own folder is nobody else's: who asks need not be known.
                Ok(folder) if folder.uid != 0 && folder.uid == e.user()?.uid => {
                    Dials::User("/nix/var/nix is this user's".to_owned())
                }
                Err(missing) if !answers() => return Err(Missing { by_choice: true, ..missing }),
                _ => Dials::Daemon,
            }
        }
        "daemon" | "unix" => Dials::Daemon,
        _ if scheme == "local" || scheme.starts_with('/') => Dials::User(format!("store = {store}")),
        _ => Dials::Nobody(format!("store = {store}")),
    })
}

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let Some(machine) = e.builder(want)? else { return moot("no Linux builder is declared") };
    let Some(key) = &machine.key else { return moot("the machine's line leaves the key to ssh") };
    let why = match who_dials(e)? {
        Dials::Daemon => {
            return pass("the daemon dials, as root; that nobody else can read the key is by design");
        }
        Dials::Nobody(why) => return moot(format!("this is about the local store, and {why}")),
        Dials::User(why) => why,
    };
    let user = e.user()?;
    if user.uid == 0 {
        return pass("root dials");
    }
    let found = e.key_files()?.iter().find(|it| it.path == key.value);
    let Some(KeyState::Present { mode, uid }) = found.map(|it| &it.state) else {
        return Err(Missing::new(format!("owner and mode of {} are not known", key.value)));
    };
    let bits = u32::from_str_radix(mode, 8).map_err(|_| Missing::new(format!("{mode:?} is no mode")))?;
    let may_read = if *uid == user.uid { bits & 0o400 } else { bits & 0o004 };
    if may_read != 0 {
        return pass(format!("owner {uid}, mode {mode}"));
    }
    if *uid != user.uid && bits & 0o040 != 0 {
        return Err(Missing::new(format!("whether this user is of the group of {} is not known", key.value)));
    }
    let seen = format!(
        "Nix builds without the daemon ({why}), so it dials as this user, who cannot read {}: owner {uid}, mode {mode}",
        key.value
    );
    fail(seen, "builds through the daemon, which dials as root")
        .at(Some(&key.place))
        .word("key", &key.value)
        .verdict()
}

fn set_store(e: &mut Evidence, store: &str) {
    if let Probe::Seen { fact: ConfigView::Read(config), .. } = &mut e.nix_config {
        config.store = Some(store.to_owned());
    }
}
