//! The user's own files or NIX_CONFIG set what the daemon takes only from users whom it trusts.

use crate::checks::nix::nix_config_unreadable;
use crate::checks::prelude::*;
use crate::evidence::machines::{DEFAULT, FILE};
use crate::evidence::user_env::UserEnv;
use crate::expectations::Cache;
use crate::parse::conf_files::{Setting, parse_variable};
use crate::parse::machines::{self, FileRead, Machine};
use crate::prose::{and, line};

/// See the module.
pub static CHECK: Check = Check {
    id: "client-setting-refused-untrusted",
    title: "The Nix daemon heeds your own settings",
    layer: Layer::Config,
    severity: Severity::Warning,
    needs: &[&nix_config_unreadable::CHECK],
    disproved_by: Proof::Nothing,
    why: "From users who are not in trusted-users the daemon takes no restricted setting, such as builders (but for an \
          empty one), system-features or trusted-public-keys: it warns `ignoring the client-specified setting` and acts on \
          the system's files. `nix config show` shows your own all the same.",
    remedy: Remedy {
        nix_darwin: Some(
            Advice::manual(
                &["sudo darwin-rebuild switch"],
                "Or trust yourself, which is as good as giving yourself root:\n\n    \
                 nix.settings.trusted-users = [ \"root\" \"@admin\" ];",
            )
            .after_edit(
                "Take the line out of {whence}, and in your nix-darwin configuration write:\n\n    {nix-option}",
            ),
        ),
        determinate: Some(
            Advice::manual(
                &["sudo launchctl kickstart -k system/{daemon-label}"],
                "Or trust yourself in /etc/nix/nix.custom.conf, which is as good as giving yourself root:\n\n    extra-trusted-users = {user}",
            )
            .after_edit(
                "Take the line out of {whence}, and put it into {custom-conf}:\n\n    {line}",
            ),
        ),
        otherwise: Advice::manual(
            &["sudo launchctl kickstart -k system/{daemon-label}"],
            "Or trust yourself in /etc/nix/nix.conf, which is as good as giving yourself root:\n\n    extra-trusted-users = {user}",
        )
        .after_edit("Take the line out of {whence}, and put it into {conf}:\n\n    {line}"),
    },
    fixes: &[],
    references: &[
        "juspay/omnix#409",
        "nix-darwin/nix-darwin#842",
        "https://nix.dev/manual/nix/latest/command-ref/conf-file#conf-trusted-users",
    ],
    judge,
    examples: &[
        Example {
            name: "builders in alice's own file",
            given: |e| own(e, "builders = ssh-ng://builder@mine aarch64-linux\n"),
            expect: Expect::Fail,
        },
        Example {
            name: "the same, and the system names no Linux machine",
            given: |e| {
                own(e, "builders = ssh-ng://builder@mine aarch64-linux\n");
                healthy::set_builders(e, DEFAULT, None);
                healthy::hide_builds(e);
            },
            expect: Expect::Fail,
        },
        Example {
            name: "system-features in NIX_CONFIG",
            given: |e| {
                let set = parse_variable("extra-system-features = gccarch-armv8-a\n");
                e.user_env =
                    Probe::seen(UserEnv { nix_config: Some(set), ..UserEnv::default() }, "environment");
            },
            expect: Expect::Fail,
        },
        Example {
            name: "a setting that no Linux build needs",
            given: |e| own(e, "sandbox = relaxed\n"),
            expect: Expect::Fail,
        },
        Example {
            name: "what the system says as well, and what everybody may set",
            given: |e| own(e, "keep-going = true\nbuilders = @/etc/nix/machines\nmax-jobs = 2\n"),
            expect: Expect::Pass,
        },
        Example {
            name: "keys beside their caches, which is another fault",
            given: |e| own(e, "extra-substituters = https://x.example\nextra-trusted-public-keys = x:y\n"),
            expect: Expect::Pass,
        },
        Example {
            name: "the daemon trusts her",
            given: |e| {
                own(e, "builders = ssh-ng://builder@mine aarch64-linux\n");
                if let Probe::Seen { fact, .. } = &mut e.nix_daemon {
                    fact.info.trusted = Some(true);
                }
            },
            expect: Expect::Pass,
        },
    ],
};

/// What Linux builds can depend on.
const MATTERS: [&str; 4] = ["builders", "external-builders", "system-features", "trusted-public-keys"];

fn judge(e: &Evidence, want: &Expectations) -> Result<Verdict, Missing> {
    let daemon = &e.nix_daemon()?.info;
    if !daemon.succeeded {
        return moot("the Nix daemon does not answer");
    }
    match daemon.trusted {
        Some(true) => return pass("the daemon trusts you"),
        None => return Err(Missing::new("the daemon does not say whether it trusts you")),
        Some(false) => {}
    }
    let files = e.conf_files()?;
    let of_files = files.iter().filter(|file| file.is_own()).flat_map(|file| &file.settings);
    let of_env = e.user_env().ok().and_then(|env| env.nix_config.as_ref()).into_iter().flatten();
    let mut names: Vec<&str> = Vec::new();
    for setting in of_files.chain(of_env) {
        if !names.contains(&setting.name.as_str()) && is_lost(e, want, &setting.name) {
            names.push(&setting.name);
        }
    }
    // What the builds were told of counts too, where no file that was read sets it.
    let told = e.builds().into_iter().flatten().flat_map(|build| &build.log.ignored_settings);
    let told: Vec<&str> = told.map(String::as_str).filter(|name| unseen(e, name)).collect();
    let grave = |name: &&str| MATTERS.contains(name);
    let Some(first) = names.iter().find(|name| grave(name)).or(names.first()).copied() else {
        return match told.first() {
            Some(name) => {
                let seen =
                    format!("the Nix daemon ignores `{}` of yours, as it does not trust you", line(name));
                with_words(e, fail(seen, "settings that the daemon heeds"), name, None)
                    .as_bad_as(Severity::Note)
                    .verdict()
            }
            None => pass("the daemon does not trust you, and nothing of your own is lost by that"),
        };
    };
    let origin = e.origin(first);
    let others: Vec<String> =
        names.iter().filter(|name| **name != first).map(|name| format!("`{name}`")).collect();
    let also = if others.is_empty() { String::new() } else { format!(", as are {}", and(&others)) };
    let mut seen = format!(
        "`{first}`, set {}, is ignored by the Nix daemon, which does not trust you{also}",
        origin.words()
    );
    let severity = match (first, e.machines()) {
        _ if !grave(&first) => Severity::Note,
        ("builders", Ok(_)) if !super::serve_all(e, want) => {
            let systems = and(&want.builder.systems);
            seen.push_str(&format!("; the system's files lead to no machine that takes {systems}"));
            Severity::Error
        }
        _ => Severity::Warning,
    };
    let finding = fail(seen, "in the system's file, or nowhere");
    with_words(e, finding, first, origin.setting()).as_bad_as(severity).verdict()
}

fn with_words(e: &Evidence, finding: Finding, name: &str, setting: Option<&Setting>) -> Finding {
    let value = setting.map_or("…", |it| it.value.as_str());
    let extra = if setting.is_some_and(|it| it.append) { "extra-" } else { "" };
    let setting_line = format!("{extra}{name} = {value}");
    let whence = setting.map_or("your own settings", |it| it.place.path.as_str());
    let user = e.user().ok().and_then(|user| user.name.clone()).unwrap_or_else(|| "NAME".to_owned());
    let finding = finding
        .word("whence", if whence == "NIX_CONFIG" { "the variable NIX_CONFIG" } else { whence })
        .word("user", user);
    // Machines belong into the file of machines: in nix.conf they would take its place.
    let inline = name == "builders" && !value.trim_start().starts_with('@');
    let machines =
        if inline { machines::parse(value, name, &mut |_| FileRead::Missing).machines } else { Vec::new() };
    if machines.is_empty() {
        return finding
            .word("nix-option", format!("nix.extraOptions = \'\'{setting_line}\'\';"))
            .word("custom-conf", "/etc/nix/nix.custom.conf")
            .word("conf", "/etc/nix/nix.conf")
            .word("line", setting_line);
    }
    let lines: Vec<&str> = value.split(';').map(str::trim).filter(|it| !it.is_empty()).collect();
    let entries: String = machines.iter().map(entry).collect();
    finding
        .word("nix-option", format!("nix.buildMachines = [ {entries}];"))
        .word("custom-conf", FILE)
        .word("conf", FILE)
        .word("line", lines.join("\n    "))
}

/// A machine as nix-darwin takes it.
fn entry(machine: &Machine) -> String {
    let list = |fields: &[crate::parse::text::Field]| {
        fields.iter().map(|it| format!("\"{}\" ", it.value)).collect::<String>()
    };
    let mut parts = vec![
        format!("hostName = \"{}\";", machine.host),
        format!("protocol = \"{}\";", machine.scheme),
        format!("systems = [ {}];", list(&machine.systems)),
        format!("maxJobs = {};", machine.max_jobs),
        format!("supportedFeatures = [ {}];", list(&machine.features)),
    ];
    let optional = [
        ("sshUser", machine.user.as_deref()),
        ("sshKey", machine.key.as_ref().map(|it| it.value.as_str())),
        ("publicHostKey", machine.host_key.as_ref().map(|it| it.field.value.as_str())),
    ];
    parts.extend(optional.iter().filter_map(|(name, value)| Some(format!("{name} = \"{}\";", (*value)?))));
    format!("{{ {} }} ", parts.join(" "))
}

/// Whether the daemon ignores it and acts differently for that.
fn is_lost(e: &Evidence, want: &Expectations, name: &str) -> bool {
    let Some(own) = e.refused(name) else { return false };
    let system = e.system_value(name);
    let holds =
        |text: &str| own.value.split_whitespace().all(|word| text.split_whitespace().any(|it| it == word));
    match (name, &system) {
        ("builders", system) => own.value != system.as_deref().unwrap_or(DEFAULT),
        // Linux systems in it are a fault of their own.
        ("extra-platforms", _) if own.value.contains("-linux") => false,
        // Keys of caches: either their caches are ignored as well, which is told of these, or the key is expected.
        ("trusted-public-keys", _) if own.append || own.value.contains(':') => {
            !sets_caches(e)
                && own.value.split_whitespace().any(|key| !is_expected(want, key))
                && !same(own, &system, holds)
        }
        _ => !same(own, &system, holds),
    }
}

/// Whether the system's files say it as well; of a value that was not kept that is not known.
fn same(own: &Setting, system: &Option<String>, holds: impl Fn(&str) -> bool) -> bool {
    system
        .as_deref()
        .is_some_and(|text| own.value == text || (own.append && !own.value.is_empty() && holds(text)))
}

fn is_expected(want: &Expectations, key: &str) -> bool {
    let name = |key: &str| key.split(':').next().unwrap_or_default().to_owned();
    want.cache.iter().any(|Cache { public_key, .. }| name(public_key) == name(key))
}

fn sets_caches(e: &Evidence) -> bool {
    e.origin("substituters").is_own() || e.origin("trusted-substituters").is_own()
}

/// Nothing that was read sets it.
fn unseen(e: &Evidence, name: &str) -> bool {
    name != "trusted-public-keys" && !e.origin(name).is_own()
}

fn own(e: &mut Evidence, text: &str) {
    super::set_file(e, "/Users/alice/.config/nix/nix.conf", text);
}
