//! The shell scripts that start the VM: nix-darwin's, nixpkgs' `create-builder`, and the one that runs QEMU.
//!
//! Loose: what is not found stays unknown, and nothing is run or expanded.

use super::text::cut;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What runs the VM.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum Backend {
    /// QEMU.
    Qemu,
    /// Apple's Virtualization.framework, by vfkit or the like.
    Virtualization,
    /// No script says.
    #[default]
    Unknown,
}

/// What the scripts say of the VM.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VmScripts {
    /// What runs it.
    pub backend: Backend,
    /// QEMU's program, in the store.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub qemu: Option<String>,
    /// QEMU's version, by the name of its store path.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub qemu_version: Option<String>,
    /// QEMU's machine with its options, as in `virt,gic-version=2,accel=hvf:tcg`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "public"))]
    pub machine: Option<String>,
    /// Memory.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub memory_mib: Option<u64>,
    /// Processors.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cores: Option<u64>,
    /// Size with which a new disk is made.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub disk_mib: Option<u64>,
    /// The Mac's port that leads to the guest's sshd.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub host_port: Option<u16>,
    /// The folder that holds what the VM shares while it runs.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub tmpdir: Option<String>,
    /// The guest gets the certificates that NIX_SSL_CERT_FILE names.
    pub shares_certs: bool,
    /// A script sets NIX_SSL_CERT_FILE itself.
    pub sets_certs: bool,
}

const STORE: &str = "/nix/store/";
/// A store path, and what is in it, in bytes.
const LONGEST: usize = 512;

impl VmScripts {
    /// Takes what one script says; what an earlier one said stays.
    pub fn read(&mut self, script: &str) {
        let joined = script.replace("\\\r\n", " ").replace("\\\n", " ");
        self.shares_certs |= joined.contains("$TMPDIR/certs") || joined.contains("\"$TMPDIR\"/certs");
        for line in joined.lines().map(str::trim).filter(|line| !line.starts_with('#')) {
            self.read_variables(line);
            if line.contains("NIX_DISK_IMAGE") {
                let size = words(line).rev().find_map(mebibytes);
                self.disk_mib = self.disk_mib.or(size);
            }
            if let Some(program) = store_paths(line).find(|path| name(path).starts_with("qemu-system-")) {
                self.read_qemu(program, line);
            }
        }
        let virtualization = ["vfkit", "vzvm", "Virtualization.framework"];
        if self.backend == Backend::Unknown && virtualization.iter().any(|word| joined.contains(word)) {
            self.backend = Backend::Virtualization;
        }
    }

    fn read_variables(&mut self, line: &str) {
        for word in words(line) {
            match word.split_once('=') {
                Some(("TMPDIR", path)) if path.starts_with('/') && !path.contains('$') => {
                    self.tmpdir.get_or_insert_with(|| cut(path, 200));
                }
                Some(("NIX_SSL_CERT_FILE", _)) => self.sets_certs = true,
                _ => {}
            }
        }
    }

    fn read_qemu(&mut self, program: &str, line: &str) {
        self.backend = Backend::Qemu;
        self.qemu = Some(cut(program, 300));
        self.qemu_version = version(program).map(|it| cut(it, 40));
        let after = |flag: &str| {
            let mut all = words(line).skip_while(|word| *word != flag);
            all.next().and(all.next())
        };
        self.machine = after("-machine").or_else(|| after("-M")).map(|it| cut(it, 200));
        self.memory_mib = after("-m").and_then(|it| {
            let it = it.split(',').next().unwrap_or(it);
            // Without a unit QEMU counts in MiB.
            it.parse().ok().or_else(|| mebibytes(it.trim_start_matches("size=")))
        });
        self.cores = after("-smp").and_then(|it| {
            let it = it.split(',').next().unwrap_or(it);
            it.trim_start_matches("cpus=").trim_start_matches("cores=").parse().ok()
        });
        let forwards = line.split("hostfwd=").skip(1).filter_map(forward);
        let mut forwards: Vec<(u16, u16)> = forwards.collect();
        forwards.sort_by_key(|(_, guest)| *guest != 22);
        self.host_port = forwards.first().map(|(host, _)| *host);
    }
}

/// The scripts that a script goes on to run, as far as a name tells.
pub fn next_scripts(script: &str) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for path in script.lines().filter(|line| !line.trim_start().starts_with('#')).flat_map(store_paths) {
        let name = name(path);
        let runs = (name.starts_with("run-") && name.ends_with("-vm")) || name.ends_with("-start");
        let builds = name.contains("builder") && !name.contains("credentials");
        // A script is a store path itself, or stands in the bin of one.
        let inside = path.strip_prefix(STORE).unwrap_or("/").matches('/').count();
        let placed = inside == 0 || (inside == 2 && path.contains("/bin/"));
        if (runs || builds) && placed && !path.contains("/..") && !found.iter().any(|it| it == path) {
            found.push(path.to_owned());
        }
    }
    found
}

/// `tcp:127.0.0.1:31022-:22`: the host's port and the guest's.
fn forward(rule: &str) -> Option<(u16, u16)> {
    let rule = rule.split([',', ' ', '"', '\'']).next()?;
    let (host, guest) = rule.strip_prefix("tcp:")?.rsplit_once('-')?;
    Some((host.rsplit(':').next()?.parse().ok()?, guest.rsplit(':').next()?.parse().ok()?))
}

/// Every path in the store that a line names.
fn store_paths(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices(STORE).map(|(at, _)| {
        let rest = &line[at..];
        let foreign = |b: u8| !(b.is_ascii_alphanumeric() || b"+-._?=/".contains(&b));
        // Not to the end: a line of nothing but such paths would be read as often as it has them.
        let end = rest.bytes().take(LONGEST).position(foreign).unwrap_or(rest.len().min(LONGEST));
        rest[..end].trim_end_matches('/')
    })
}

/// The last part of a path, without the hash of a store path.
fn name(path: &str) -> &str {
    let last = path.rsplit('/').next().unwrap_or(path);
    if path.len() == STORE.len() + last.len() {
        return last.split_once('-').map_or(last, |(_, name)| name);
    }
    last
}

/// `10.1.5` of `/nix/store/HASH-qemu-host-cpu-only-10.1.5/bin/qemu-system-aarch64`.
fn version(program: &str) -> Option<&str> {
    let item = program.strip_prefix(STORE)?.split('/').next()?;
    let (_, name) = item.split_once('-')?;
    let at = name.match_indices('-').find(|(at, _)| name[at + 1..].starts_with(|c: char| c.is_ascii_digit()));
    at.map(|(at, _)| &name[at + 1..])
}

/// The words of a line, without the quotes around them.
fn words(line: &str) -> impl DoubleEndedIterator<Item = &str> {
    line.split_whitespace().map(|word| word.trim_matches(['"', '\'', ';']))
}

/// `20480M`, `20G`.
fn mebibytes(word: &str) -> Option<u64> {
    let unit = word.chars().last()?;
    let number: u64 = word.strip_suffix(unit)?.parse().ok()?;
    match unit.to_ascii_uppercase() {
        'M' => Some(number),
        'G' => number.checked_mul(1 << 10),
        'T' => number.checked_mul(1 << 20),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// nix-darwin's, from its modules evaluated (a1fa429e).
    const START: &str = "\
export TMPDIR=/run/org.nixos.linux-builder USE_TMPDIR=1
rm -rf $TMPDIR
mkdir -p $TMPDIR
trap \"rm -rf $TMPDIR\" EXIT
rm -f /var/lib/linux-builder/nixos.qcow2

/nix/store/2yv0vq8pbnvvj5n4mcd5bm4h0y7mg2cz-create-builder/bin/create-builder
";
    /// Made by hand after nixos/modules/profiles/nix-builder-vm.nix of nixpkgs, not captured.
    const CREATE: &str = "\
#!/nix/store/0irlcqx2n3qm6b1pc9rsd2i8qpvcccaj-bash-5.3p3/bin/bash
set -euo pipefail
KEYS=\"${KEYS:-./keys}\"
/nix/store/1rm6sr6ixxzipv5358x0cmaw8rs84g2j-coreutils-9.8/bin/mkdir --parent \"${KEYS}\"
if ! /nix/store/1rm6sr6ixxzipv5358x0cmaw8rs84g2j-diffutils-3.12/bin/cmp \"${PUBLIC_KEY}\" /etc/nix/builder_ed25519.pub; then
  (set -x; sudo --reset-timestamp /nix/store/8k8fv4aryv5bkbz0qvbvsq4nyf3pbwp4-install-credentials \"${KEYS}\")
fi
KEYS=\"$(/nix/store/65ghpdw6n9vawhzx8bzqym2zmzrz4dmc-nix-2.31.2/bin/nix-store --add \"$KEYS\")\" /nix/store/w6gh7fjbd2dbz3l23dl0f6l8q2a9d0zk-nixos-vm/bin/run-nixos-vm
";
    /// Made by hand after nixos/modules/virtualisation/qemu-vm.nix and nixos/lib/qemu-common.nix, not captured.
    const RUN: &str = "\
#! /nix/store/0irlcqx2n3qm6b1pc9rsd2i8qpvcccaj-bash-5.3p3/bin/bash
set -e
createEmptyFilesystemImage() {
  local name=$1
  local size=$2
  /nix/store/9s1bq8p4gkmb54a0sx5h9h6lq5ga1qjb-qemu-host-cpu-only-10.1.5/bin/qemu-img create -f raw \"$temp\" \"$size\"
}
NIX_DISK_IMAGE=$(readlink -f \"${NIX_DISK_IMAGE:-./nixos.qcow2}\") || test -z \"$NIX_DISK_IMAGE\"
if test -n \"$NIX_DISK_IMAGE\" && ! test -e \"$NIX_DISK_IMAGE\"; then
    createEmptyFilesystemImage \"$NIX_DISK_IMAGE\" \"20480M\"
fi
if [ -z \"$TMPDIR\" ] || [ -z \"$USE_TMPDIR\" ]; then
    TMPDIR=$(mktemp -d nix-vm.XXXXXXXXXX --tmpdir)
fi
mkdir -p \"$TMPDIR/certs\"
if [ -e \"$NIX_SSL_CERT_FILE\" ]; then
  cp -L \"$NIX_SSL_CERT_FILE\" \"$TMPDIR\"/certs/ca-certificates.crt
fi
cd \"$TMPDIR\"
# Start QEMU.
exec /nix/store/9s1bq8p4gkmb54a0sx5h9h6lq5ga1qjb-qemu-host-cpu-only-10.1.5/bin/qemu-system-aarch64 -machine virt,gic-version=2,accel=hvf:tcg -cpu max \\
    -name nixos \\
    -m 3072 \\
    -smp 1 \\
    -device virtio-rng-pci \\
    -net nic,netdev=user.0,model=virtio -netdev user,id=user.0,hostfwd=tcp::8080-:80,hostfwd=tcp::31022-:22,\"$QEMU_NET_OPTS\" \\
    -virtfs local,path=\"$TMPDIR\"/certs,security_model=none,mount_tag=certs \\
    -drive cache=writeback,file=\"$NIX_DISK_IMAGE\",id=drive1,if=none,index=1,werror=report -device virtio-blk-pci,bootindex=1,drive=drive1,serial=root \\
    -nographic \\
    $QEMU_OPTS \\
    \"$@\"
";

    #[test]
    fn each_script_leads_to_the_next() {
        let argument = "/bin/wait4path /nix/store && exec /nix/store/6ae4e11ffa8e9431028e719342b72e54-linux-builder-start";
        assert_eq!(
            next_scripts(argument),
            ["/nix/store/6ae4e11ffa8e9431028e719342b72e54-linux-builder-start"]
        );
        assert_eq!(
            next_scripts(START),
            ["/nix/store/2yv0vq8pbnvvj5n4mcd5bm4h0y7mg2cz-create-builder/bin/create-builder"]
        );
        assert_eq!(
            next_scripts(CREATE),
            ["/nix/store/w6gh7fjbd2dbz3l23dl0f6l8q2a9d0zk-nixos-vm/bin/run-nixos-vm"]
        );
        assert_eq!(next_scripts(RUN), Vec::<String>::new());
        // It leads out of the store.
        assert_eq!(next_scripts("/nix/store/../x-builder"), Vec::<String>::new());
        // It is cut short.
        assert_eq!(next_scripts("run-/nix/store/¡-vm"), Vec::<String>::new());
    }

    #[test]
    fn what_the_scripts_say_of_the_vm() {
        let mut found = VmScripts::default();
        for script in [START, CREATE, RUN] {
            found.read(script);
        }
        let qemu =
            "/nix/store/9s1bq8p4gkmb54a0sx5h9h6lq5ga1qjb-qemu-host-cpu-only-10.1.5/bin/qemu-system-aarch64";
        let expected = VmScripts {
            backend: Backend::Qemu,
            qemu: Some(qemu.to_owned()),
            qemu_version: Some("10.1.5".to_owned()),
            machine: Some("virt,gic-version=2,accel=hvf:tcg".to_owned()),
            memory_mib: Some(3072),
            cores: Some(1),
            disk_mib: Some(20_480),
            host_port: Some(31_022),
            tmpdir: Some("/run/org.nixos.linux-builder".to_owned()),
            shares_certs: true,
            sets_certs: false,
        };
        assert_eq!(found, expected);
    }

    #[test]
    fn other_forms() {
        // The first two invented; the names of store paths are nixpkgs'.
        let mut found = VmScripts::default();
        found.read("NIX_SSL_CERT_FILE=/x exec /nix/store/0-qemu-11.1.0-rc1/bin/qemu-system-aarch64 -m 8G -smp cpus=4,sockets=1 -M virt");
        assert_eq!(
            (found.memory_mib, found.cores, found.machine.as_deref()),
            (Some(8192), Some(4), Some("virt"))
        );
        assert_eq!(found.qemu_version.as_deref(), Some("11.1.0-rc1"));
        assert!(found.sets_certs && !found.shares_certs);
        let mut found = VmScripts::default();
        found.read("exec /nix/store/0-vfkit-0.6.1/bin/vfkit --cpus 4");
        assert_eq!((found.backend, found.qemu_version), (Backend::Virtualization, None));
        assert_eq!(version("/nix/store/0-qemu/bin/qemu-system-aarch64"), None);
        assert_eq!(forward("tcp:127.0.0.1:31022-:22,x"), Some((31_022, 22)));
        assert_eq!(mebibytes("é"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..2500) {
            for sample in [START, CREATE, RUN] {
                let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at + 1)).collect();
                let mut found = VmScripts::default();
                found.read(&mutated);
                found.read(&text);
                next_scripts(&mutated);
            }
        }
    }
}
