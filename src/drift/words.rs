//! What a difference is called, and what is none: one table of facts, one of paths.

use crate::check::Layer;

/// Each fact: the layer that it is about, and what it is called where it cannot be seen any more.
pub(super) const FACTS: &[(&str, Layer, &str)] = &[
    ("taken", Layer::Host, "the time of the look"),
    ("platform", Layer::Host, "the system"),
    ("user", Layer::Host, "who runs builder-doctor"),
    ("managers", Layer::Config, "who manages /etc/nix"),
    ("roots", Layer::Host, "what stands at the root"),
    ("nix_volume", Layer::Host, "the volume of /nix"),
    ("build_users", Layer::Host, "the build users"),
    ("shell_hooks", Layer::Nix, "the shells' files"),
    ("left_over_daemon", Layer::Daemon, "a left-over daemon"),
    ("custom_conf", Layer::Config, "/etc/nix/nix.custom.conf"),
    ("nixpkgs", Layer::Config, "the system's nixpkgs"),
    ("nix", Layer::Nix, "Nix"),
    ("nix_daemon", Layer::Daemon, "the daemon"),
    ("nix_config", Layer::Config, "Nix's settings"),
    ("conf_files", Layer::Config, "the files of settings"),
    ("user_env", Layer::Config, "Nix's variables"),
    ("conf_changes", Layer::Config, "the times of the files of settings"),
    ("file_times", Layer::Config, "the times of files"),
    ("fixes", Layer::Host, "the fixes that were carried out"),
    ("machines", Layer::Machines, "the machines"),
    ("machines_file", Layer::Machines, "/etc/nix/machines"),
    ("disabled_jobs", Layer::Service, "launchd's disabled jobs"),
    ("builder_jobs", Layer::Service, "the builders' jobs"),
    ("builder_job", Layer::Service, "the builder's job"),
    ("setup", Layer::Host, "what a set-up would meet"),
    ("stopped", Layer::Service, "whether the builder was stopped on purpose"),
    ("vm_program", Layer::Service, "the VM's scripts"),
    ("crash_reports", Layer::Service, "reports of crashes"),
    ("builder_log", Layer::Service, "the builder's log"),
    ("daemon_job", Layer::Daemon, "the daemon's job"),
    ("ssh", Layer::Ssh, "ssh's settings"),
    ("ssh_files", Layer::Ssh, "the files of ssh's settings"),
    ("localhost", Layer::Host, "localhost"),
    ("key_files", Layer::Ssh, "the key files"),
    ("state_folder", Layer::Daemon, "/nix/var/nix"),
    ("key_pair", Layer::Ssh, "the builder's keys"),
    ("host_keys", Layer::Ssh, "the host keys"),
    ("ports", Layer::Service, "the builder's port"),
    ("caches", Layer::Cache, "the binary caches"),
    ("network", Layer::Cache, "the ways to the caches"),
    ("root_view", Layer::Guest, "what root sees"),
    ("builds", Layer::Build, "the test builds"),
    ("processes", Layer::Build, "the processes of builds"),
    ("installable_builds", Layer::Build, "the builds of the installable"),
];

/// No change by itself: what differs between any two looks, or is said in better words by another path.
const VOLATILE: &[&str] = &[
    "taken",
    "processes",
    "builder_log",
    "conf_changes",
    "file_times",
    "crash_reports",
    "nix.version.release",
    "nix.version.pre",
    "nix_daemon.info.error",
    "nix_daemon.info.ssh_words",
    "nix_daemon.info.url",
    "conf_files.*.problems",
    "machines.machines.*.scheme",
    "machines.machines.*.host_key.decoded",
    "machines.machines.*.host",
    "machines.machines.*.user",
    "machines.machines.*.port",
    "machines.machines.*.params",
    "machines.sources",
    "machines_file.unnamed",
    "caches.answers.*.known_path",
    "network.ways.*.v4.address",
    "network.ways.*.v6.address",
    "root_view.guest.seconds_ahead",
    "root_view.guest.memory_available_kib",
    "root_view.guest.noise",
    "root_view.host.listeners",
    "root_view.host.gaps",
    "root_view.login.url",
    "root_view.login.error",
    "root_view.login.ssh_words",
    "builds.*.external",
    "builds.*.ended",
    "installable_builds.*.external",
    "installable_builds.*.ended",
];

/// Of a log only how the build ended, and where, is worth comparing.
const OF_A_LOG: [&str; 2] = ["outcome", "dispatched_to"];

/// Names of fields that differ between any two looks, wherever they stand.
const VOLATILE_NAMES: [&str; 6] = ["pid", "parents", "age_seconds", "seconds_ago", "tail", "seconds"];

/// Whether a difference here is none.
pub(super) fn is_volatile(path: &str) -> bool {
    let last = path.rsplit('.').next().unwrap_or_default();
    let in_log = || path.split_once("builds.*.log.").map(|(_, inner)| inner);
    VOLATILE.contains(&path)
        || VOLATILE_NAMES.contains(&last)
        || in_log().is_some_and(|inner| !OF_A_LOG.iter().any(|name| inner.starts_with(name)))
}

/// Fields that each machine has: where one is left out, an older builder-doctor did not ask for it.
pub(super) fn is_unknown_if_absent(path: &str) -> bool {
    path.starts_with("platform.")
        || path.ends_with(".plist.owner")
        || path.ends_with("_job.disabled")
        || path.ends_with(".dispatched_to")
        || path.ends_with("working_directory_exists")
}

/// Symptoms, which the checks tell: they stand behind what can have led to them.
pub(super) fn is_symptom(fact: &str) -> bool {
    matches!(fact, "ports" | "host_keys" | "builds" | "installable_builds")
}

/// What depends on who looks, and so is of no account where another user does.
pub(super) fn is_the_users(path: &str) -> bool {
    ["user.", "user_env.", "ssh.", "nix_daemon.info.trusted", "nix.path", "nix.on_path"]
        .iter()
        .any(|own| path.starts_with(own))
}

/// Values that are told whole.
pub(super) fn is_leaf(path: &str) -> bool {
    path.ends_with(".last_exit") || path.ends_with(".log.outcome") || path.ends_with(".answer")
}

/// Objects whose names are values of the machine's and not ours.
pub(super) fn is_keyed(path: &str) -> bool {
    path == "disabled_jobs"
}

/// Paths, and what they are called: `{0}` and `{1}` stand for the entries of lists on the way, `{place}` for the
/// file and line. A `*` at the end of a path stands for one name, which `{name}` then is.
const NAMES: &[(&str, &str)] = &[
    ("platform.macos", "macOS"),
    ("platform.machine", "the Mac's architecture"),
    ("platform.model", "the Mac"),
    ("platform.cpu", "the Mac's processor"),
    ("platform.memory_bytes", "the Mac's memory, bytes"),
    ("platform.hypervisor", "macOS can virtualise"),
    ("platform.translated", "Nix runs under Rosetta"),
    ("platform.rosetta", "Rosetta is installed"),
    ("platform.disk.free_kib", "free on the disk that holds /nix"),
    ("managers.nix_darwin", "nix-darwin manages /etc/nix"),
    ("managers.determinate", "Determinate's Nix manages /etc/nix"),
    ("user.name", "who runs builder-doctor"),
    ("roots.run", "/run exists"),
    ("roots.nix", "/nix exists"),
    ("roots.synthetic", "/etc/synthetic.conf"),
    ("build_users.members", "build users"),
    ("build_users.missing", "build users that do not exist"),
    ("build_users.gid", "the build users' group"),
    ("custom_conf.present", "/etc/nix/nix.custom.conf exists"),
    ("nixpkgs.label", "the system's nixpkgs"),
    ("nixpkgs.revision", "the system's nixpkgs revision"),
    ("nixpkgs.locked", "the locked nixpkgs"),
    ("nixpkgs.locked.day", "the locked nixpkgs is of"),
    ("nixpkgs.locked.revision", "the locked nixpkgs revision"),
    ("left_over_daemon.loaded", "a left-over daemon is loaded"),
    ("left_over_daemon.plist", "a left-over daemon's file"),
    ("nix.version", "Nix"),
    ("nix.version.text", "Nix"),
    ("nix.path", "the nix that runs"),
    ("nix.no_version", "what nix says in place of its version"),
    ("nix.on_path", "nix is on PATH"),
    ("nix.all_on_path", "each nix on PATH"),
    ("nix_daemon.info.version", "the daemon's Nix"),
    ("nix_daemon.info.trusted", "the daemon trusts the user"),
    ("nix_daemon.info.succeeded", "the daemon answers"),
    ("nix_daemon.fault", "the daemon's fault"),
    ("nix_config", "Nix's settings"),
    ("nix_config.read.*", "Nix's {name}"),
    ("conf_files.*", "{0}"),
    ("conf_files.*.generated_by", "who writes {0}"),
    ("conf_files.*.settings.*", "{1} in {place}"),
    ("conf_files.*.settings.*.value", "{1} in {place}"),
    ("conf_files.*.includes.*", "{place} includes"),
    ("user_env.*", "the shell's {name}"),
    ("machines.machines.*.uri", "{place}, machine"),
    ("machines.machines.*.systems", "{place}, systems of {0}"),
    ("machines.machines.*.key", "{place}, key of {0}"),
    ("machines.machines.*.max_jobs", "{place}, jobs of {0}"),
    ("machines.machines.*.speed", "{place}, speed of {0}"),
    ("machines.machines.*.features", "{place}, features of {0}"),
    ("machines.machines.*.mandatory", "{place}, mandatory features of {0}"),
    ("machines.machines.*.host_key", "{place}, host key of {0}"),
    ("machines.machines.*.host_key.field", "{place}, host key of {0}"),
    ("machines.machines.*", "machine {0} in {place}"),
    ("machines.problems", "problems of the machines' lines"),
    ("machines.problems.*", "{place}, a problem"),
    ("machines_file.exists", "/etc/nix/machines exists"),
    ("machines_file.target", "/etc/nix/machines leads to"),
    ("machines_file.managed", "nix-darwin makes /etc/nix/machines"),
    ("machines_file.is_the_managed", "/etc/nix/machines is nix-darwin's"),
    ("disabled_jobs.*", "launchd disables {0}"),
    ("builder_jobs.*", "installed job {0}"),
    ("stopped.mark", "whether the builder was stopped on purpose"),
    ("builder_job.label", "the builder's job"),
    ("builder_job.printed", "the builder's job, in launchd"),
    ("builder_job.printed.loaded.state", "the builder's job"),
    ("builder_job.printed.loaded.runs", "runs of the builder's job"),
    ("builder_job.printed.loaded.last_exit", "last exit of the builder's job"),
    ("builder_job.disabled", "launchd disables the builder's job"),
    ("builder_job.plist.state", "the file of the builder's job"),
    ("builder_job.plist.state.present.program_arguments", "what the builder's job runs"),
    ("builder_job.plist.state.present.*", "the builder's job, {name}"),
    ("builder_job.plist.owner.*", "the file of the builder's job, {name}"),
    ("builder_job.working_directory_exists", "the builder's folder exists"),
    ("daemon_job.label", "the daemon's job"),
    ("daemon_job.printed", "the daemon's job, in launchd"),
    ("daemon_job.printed.loaded.state", "the daemon's job"),
    ("daemon_job.printed.loaded.runs", "runs of the daemon's job"),
    ("daemon_job.printed.loaded.last_exit", "last exit of the daemon's job"),
    ("daemon_job.disabled", "launchd disables the daemon's job"),
    ("daemon_job.plist.state", "the file of the daemon's job"),
    ("daemon_job.plist.state.present.program_arguments", "what the daemon's job runs"),
    ("daemon_job.plist.state.present.environment.*", "the daemon's {name}"),
    ("daemon_job.plist.state.present.*", "the daemon's job, {name}"),
    ("vm_program.scripts", "the VM's scripts"),
    ("vm_program.missing", "what the VM's scripts name and is gone"),
    ("vm_program.tmpdir_exists", "the VM's temporary folder exists"),
    ("vm_program.certs.state", "the certificates for the VM"),
    ("vm_program.certs.path", "the certificates for the VM"),
    ("vm_program.says.qemu_version", "the VM's QEMU"),
    ("vm_program.says.backend", "the VM's kind"),
    ("vm_program.says.*", "the VM's {name}"),
    ("ssh.*", "ssh's settings for {0}"),
    ("ssh.*.view", "ssh's settings for {0}"),
    ("ssh.*.error", "ssh, of {0}"),
    ("ssh.*.view.*", "ssh's {name} for {0}"),
    ("ssh_files.*", "{0}"),
    ("ssh_files.*.mode", "mode of {0}"),
    ("ssh_files.*.uid", "owner of {0}"),
    ("localhost.addresses", "addresses of localhost"),
    ("localhost.error", "localhost"),
    ("key_files.*", "{0}"),
    ("key_files.*.state", "{0}"),
    ("key_files.*.state.present.mode", "mode of {0}"),
    ("key_files.*.state.present.uid", "owner of {0}"),
    ("state_folder.uid", "owner of /nix/var/nix"),
    ("state_folder.mode", "mode of /nix/var/nix"),
    ("key_pair.own.state", "the builder's own public key"),
    ("key_pair.own.state.key.base64", "the builder's own public key"),
    ("key_pair.installed.state", "the installed public key"),
    ("key_pair.installed.state.key.base64", "the installed public key"),
    ("host_keys.*.scan.keys.*.base64", "host key that {0} shows"),
    ("host_keys.*.scan.banner", "the sshd of {0}"),
    ("ports.*", "the port of {0}"),
    ("ports.*.port", "the port of {0}"),
    ("ports.*.answer", "answer at the port of {0}"),
    ("ports.*.address", "address of {0}"),
    ("caches.bundle.state", "the certificates that Nix trusts"),
    ("caches.bundle.state.certificates", "certificates that Nix trusts"),
    ("caches.bundle.path", "the file of certificates that Nix trusts"),
    ("caches.answers.*", "cache {0}"),
    ("caches.answers.*.answer", "answer of {0}"),
    ("caches.netrc", "netrc"),
    ("caches.netrc.exists", "netrc exists"),
    ("network.proxy", "the proxy"),
    ("network.proxy.at", "the proxy"),
    ("network.proxy.answers", "the proxy answers"),
    ("network.automatic_proxy", "macOS finds its proxy by itself"),
    ("network.ways.*", "the way to {0}"),
    ("network.ways.*.v4.end", "the way to {0} over IPv4"),
    ("network.ways.*.v6.end", "the way to {0} over IPv6"),
    ("root_view.no_login", "why root's login was not tried"),
    ("root_view.login.succeeded", "root's login to the builder works"),
    ("root_view.login.version", "the builder's Nix"),
    ("root_view.login.trusted", "the builder trusts its user"),
    ("root_view.guest.disk.free_kib", "free on the VM's disk"),
    ("root_view.guest.*", "the VM's {name}"),
    ("root_view.host.image.state", "the VM's disk image"),
    ("root_view.host.keys.own.state", "the builder's own public key"),
    ("root_view.host.keys.installed.state", "the installed public key"),
    ("root_view.host.keys.private.state", "the installed private key"),
    ("root_view.host.keys.own.state.key.base64", "the builder's own public key"),
    ("root_view.host.keys.installed.state.key.base64", "the installed public key"),
    ("root_view.host.keys.private.state.key.base64", "the installed private key"),
    ("root_view.host.background.*", "login item {0}"),
    ("root_view.ssh.view.*", "root's ssh, {name}"),
    ("builds.*.log.outcome", "test build for {0}"),
    ("builds.*.log.dispatched_to", "the machine that takes the test build for {0}"),
    ("installable_builds.*.log.outcome", "build of {0}"),
    ("installable_builds.*.log.dispatched_to", "the machine that builds {0}"),
];

/// What a path is called, where it has a name of its own: the words, and the name that its `*` at the end stands for.
pub(super) fn name(path: &str) -> Option<(&'static str, &str)> {
    let exact = NAMES.iter().find(|(known, _)| *known == path).map(|(_, words)| *words);
    let (folder, last) = path.rsplit_once('.')?;
    let any = || {
        NAMES.iter().find(|(known, words)| {
            words.contains("{name}") && known.strip_suffix(".*").is_some_and(|known| known == folder)
        })
    };
    exact.or_else(|| any().map(|(_, words)| *words)).map(|words| (words, last))
}

/// Where a path stands in the table, as more telling ones stand first.
pub(super) fn order(path: &str) -> usize {
    let named = name(path).map(|(words, _)| words);
    NAMES.iter().position(|(known, words)| *known == path || Some(*words) == named).unwrap_or(NAMES.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_fact_has_a_layer_and_a_name_once() {
        let mut named: Vec<&str> = FACTS.iter().map(|(fact, ..)| *fact).collect();
        let mut known = crate::evidence::FACTS.to_vec();
        named.sort_unstable();
        known.sort_unstable();
        assert_eq!(named, known, "a fact has no row in src/drift/words.rs");
    }

    #[test]
    fn no_path_has_two_names() {
        let mut paths: Vec<&str> = NAMES.iter().map(|(path, _)| *path).collect();
        paths.sort_unstable();
        let before = paths.len();
        paths.dedup();
        assert_eq!(paths.len(), before);
    }
}
