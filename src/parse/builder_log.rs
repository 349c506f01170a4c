//! The end of the log that the builder's job writes: the scripts' words, QEMU's, and the guest's console.

use super::text::{clean, cut, scrub};

const MOST_LINES: usize = 20;
const LINE: usize = 300;

/// The last lines that say something, fit to keep. `whole` is false where the text begins inside of a file.
pub fn last_lines(bytes: &[u8], whole: bool) -> Vec<String> {
    let text = String::from_utf8_lossy(bytes);
    // Its first line is only the end of one, and may be the end of a secret.
    let text = if whole { &*text } else { text.split_once('\n').map_or("", |(_, rest)| rest) };
    let scrubbed = scrub(&clean(text));
    let is_text = |line: &String| 4 * line.matches('\u{fffd}').count() < line.chars().count();
    let lines = scrubbed.lines().map(|line| cut(line.trim_end(), LINE));
    let lines = lines.filter(|line| !line.trim().is_empty() && is_text(line));
    let mut last: Vec<String> = lines.rev().take(MOST_LINES).collect();
    last.reverse();
    last
}

/// The last line that tells why the VM ended: QEMU's own before any other complaint, before the very last.
pub fn telling(lines: &[String]) -> Option<&str> {
    const BY_QEMU: [&str; 4] = ["qemu-system-", "assertion failed", "Assertion failed", "qemu-img:"];
    const COMPLAINTS: [&str; 8] =
        ["error", "Error", "ERROR", "failed", "cannot", "denied", "No such file", "Read-only file system"];
    let last = |words: &[&str]| lines.iter().rfind(|line| words.iter().any(|word| line.contains(word)));
    last(&BY_QEMU).or_else(|| last(&COMPLAINTS)).or_else(|| lines.last()).map(String::as_str)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// nix-darwin/nix-darwin#1292, with the parentheses that it shows.
    const SME: &str = "Virtualisation disk image created.
Creating Nix store image...
Created Nix store image.
Unexpected error in object_property_find_err() at ../qom/object.c:1358:
qemu-system-aarch64: Property 'max-arm-cpu.sme' not found
/nix/store/jr9cxkgsl27k86cbvclc5dn4mbxk723k-create-builder/bin/create-builder: line 14: 93190 Abort trap: 6
";

    #[test]
    fn the_line_that_tells() {
        let lines = last_lines(SME.as_bytes(), true);
        assert_eq!(lines.len(), 6);
        assert_eq!(telling(&lines), Some("qemu-system-aarch64: Property 'max-arm-cpu.sme' not found"));
        // NixOS/nixpkgs#532038.
        let text = b"ERROR:../target/arm/hvf/sysreg.c.inc:149:hvf_arch_init_vcpu: assertion failed: (A == B)\nBail out!\n";
        assert!(telling(&last_lines(text, true)).is_some_and(|line| line.contains("hvf_arch_init_vcpu")));
        assert_eq!(
            telling(&last_lines(b"one\nRead-only file system\ntwo\n", true)),
            Some("Read-only file system")
        );
        assert_eq!(telling(&last_lines(b"one\ntwo\n\n", true)), Some("two"));
        assert_eq!(telling(&[]), None);
    }

    #[test]
    fn only_whole_lines_are_kept_and_no_secrets() {
        assert_eq!(last_lines(b"cret\naccess-tokens = x\n", false), ["access-tokens <redacted>"]);
        assert_eq!(last_lines(b"no end of a line", false), Vec::<String>::new());
        assert_eq!(last_lines("y".repeat(9000).as_bytes(), true)[0].len(), LINE);
        assert_eq!(last_lines(b"\xff\xfe\x01\xff\ntext\n\xff\xff", true), ["text"]);
    }

    proptest! {
        #[test]
        fn a_binary_for_a_log_does_no_harm(bytes in proptest::collection::vec(any::<u8>(), 0..3000), whole in any::<bool>()) {
            let lines = last_lines(&bytes, whole);
            telling(&lines);
            prop_assert!(lines.len() <= MOST_LINES);
            prop_assert!(lines.iter().all(|line| line.chars().count() <= LINE && !line.chars().any(|c| c.is_control() && c != '\t')));
        }
    }
}
