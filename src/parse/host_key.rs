//! Public host keys: what `ssh-keyscan` prints, `.pub` files, and column 7 of a machines line.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The host key that nixpkgs ships with the stock builder (catalogue 0: decoded from nix-darwin's linux-builder.nix).
pub const STOCK_HOST_KEY: &str =
    "ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIJBWcxb/Blaqt1auOtE+F8QUWrUotiC5qBJ+UuEWdVCb root@nixos";

/// A public key without its comment.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct ScannedKey {
    /// `ssh-ed25519`.
    #[schemars(extend("x-kind" = "public"))]
    pub kind: String,
    /// The key itself, as every tool prints it.
    #[schemars(extend("x-kind" = "public"))]
    pub base64: String,
}

/// What a scan saw.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Scan {
    /// `SSH-2.0-OpenSSH_10.6p1 Debian-1`, from the comment line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub banner: Option<String>,
    /// One a kind of key.
    #[serde(default)]
    pub keys: Vec<ScannedKey>,
}

/// The key of a public key line: `ssh-ed25519 AAAA… comment`, also behind the host of a known_hosts line.
pub fn parse_public_key(line: &str) -> Option<ScannedKey> {
    let words: Vec<&str> = line.split_whitespace().take(4).collect();
    words.iter().zip(words.iter().skip(1)).take(2).find_map(|(kind, key)| key_of(kind, key))
}

/// A key names its kind within itself, which tells it from any other base64.
fn key_of(kind: &str, base64: &str) -> Option<ScannedKey> {
    let blob = decode_base64(base64).ok()?;
    let (length, rest) = blob.split_first_chunk()?;
    let inner = rest.get(..usize::try_from(u32::from_be_bytes(*length)).ok()?)?;
    (inner == kind.as_bytes()).then(|| ScannedKey { kind: kind.to_owned(), base64: base64.to_owned() })
}

/// What `ssh-keyscan` printed, stdout and stderr in any order.
pub fn parse_scan(text: &str) -> Scan {
    let mut scan = Scan::default();
    for line in text.lines().take(1000) {
        if let Some(comment) = line.strip_prefix('#') {
            let at = comment.find("SSH-");
            let banner = at.and_then(|at| comment.get(at..)).map(|b| super::text::cut(b.trim(), 255));
            scan.banner = scan.banner.or(banner);
        } else if let Some(key) = parse_public_key(line)
            && !scan.keys.contains(&key)
        {
            scan.keys.push(key);
        }
    }
    scan
}

/// The public key line in column 7 of a machines line, trimmed; None where it holds none.
pub fn decode_field(value: &str) -> Option<String> {
    let line = String::from_utf8(decode_base64(value).ok()?).ok()?;
    let line = line.trim();
    parse_public_key(line).map(|_| line.to_owned())
}

/// Base64 by Nix's rules: no padding needed, nothing read after it, newlines skipped. Err has the offending character.
pub fn decode_base64(text: &str) -> Result<Vec<u8>, char> {
    let mut out = Vec::with_capacity(text.len() / 4 * 3 + 3);
    let (mut bits, mut have) = (0u32, 0u32);
    for c in text.chars().take_while(|c| *c != '=').filter(|c| *c != '\n') {
        let digit = digit(c).ok_or(c)?;
        bits = (bits << 6 | digit) & 0xffff;
        have += 6;
        if have >= 8 {
            have -= 8;
            out.push((bits >> have & 0xff) as u8);
        }
    }
    Ok(out)
}

fn digit(c: char) -> Option<u32> {
    let c = u8::try_from(c).ok()?;
    let value = match c {
        b'A'..=b'Z' => c - b'A',
        b'a'..=b'z' => c - b'a' + 26,
        b'0'..=b'9' => c - b'0' + 52,
        b'+' => 62,
        b'/' => 63,
        _ => return None,
    };
    Some(u32::from(value))
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// nix-outputs.md, healthy.
    const SCAN: &str = "# 127.0.0.1:31022 SSH-2.0-OpenSSH_10.6p1 Debian-1
[127.0.0.1]:31022 ssh-ed25519 AAAAC3NzaC1lZDI1NTE5AAAAIBTZyoKVsXurarPeBH5FRqn09Ocy5kiS3Kzb82zzeErX
";
    /// nix-darwin-outputs.md, /etc/nix/machines.
    const FIELD: &str = "c3NoLWVkMjU1MTkgQUFBQUMzTnphQzFsWkRJMU5URTVBQUFBSUpCV2N4Yi9CbGFxdDFhdU90RStGOFFVV3JVb3RpQzVxQkorVXVFV2RWQ2Igcm9vdEBuaXhvcwo=";

    #[test]
    fn a_scan() {
        let scan = parse_scan(SCAN);
        assert_eq!(scan.banner.as_deref(), Some("SSH-2.0-OpenSSH_10.6p1 Debian-1"));
        assert_eq!(scan.keys.len(), 1);
        assert_eq!(scan.keys[0].kind, "ssh-ed25519");
        assert_eq!(parse_scan(""), Scan::default());
    }

    #[test]
    fn column_seven_is_the_stock_key() {
        let line = decode_field(FIELD).unwrap();
        assert_eq!(line, STOCK_HOST_KEY);
        assert_eq!(parse_public_key("ssh-ed25519 AAAA"), None);
    }

    #[test]
    fn base64_by_nix() {
        assert_eq!(decode_base64("eA"), Ok(b"x".to_vec()));
        assert_eq!(decode_base64("eA==$"), Ok(b"x".to_vec()));
        assert_eq!(decode_base64("e$"), Err('$'));
        assert_eq!(decode_field("trusted"), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..180) {
            parse_scan(&text);
            let _ = decode_base64(&text);
            decode_field(&text);
            parse_public_key(&text);
            let sample: String = SCAN.chars().take(at).chain(text.chars()).chain(SCAN.chars().skip(at)).collect();
            parse_scan(&sample);
            decode_field(&FIELD.chars().take(at).chain(text.chars()).collect::<String>());
        }
    }
}
