//! Who issued a certificate: the one field that is wanted of an X.509 certificate in DER.

/// One element of DER: its tag, what is in it, and what follows it.
fn element(bytes: &[u8]) -> Option<(u8, &[u8], &[u8])> {
    let (&tag, rest) = bytes.split_first()?;
    let (&first, rest) = rest.split_first()?;
    let (length, rest) = if first < 0x80 {
        (usize::from(first), rest)
    } else {
        let (digits, rest) =
            rest.split_at_checked(usize::from(first & 0x7f)).filter(|(it, _)| it.len() <= 4)?;
        (digits.iter().fold(0, |sum, digit| sum << 8 | usize::from(*digit)), rest)
    };
    let (inside, after) = rest.split_at_checked(length)?;
    Some((tag, inside, after))
}

fn within(bytes: &[u8], tag: u8) -> Option<(&[u8], &[u8])> {
    element(bytes).filter(|(found, ..)| *found == tag).map(|(_, inside, after)| (inside, after))
}

const SEQUENCE: u8 = 0x30;
const SET: u8 = 0x31;
const INTEGER: u8 = 0x02;
const NAME_OF_KIND: u8 = 0x06;
/// 2.5.4.3 and 2.5.4.10.
const COMMON_NAME: &[u8] = &[0x55, 0x04, 0x03];
const ORGANIZATION: &[u8] = &[0x55, 0x04, 0x0a];

/// The issuer of a certificate, such as "Zscaler Root CA (Zscaler Inc.)".
pub fn issuer(der: &[u8]) -> Option<String> {
    let (certificate, _) = within(der, SEQUENCE)?;
    let (mut rest, _) = within(certificate, SEQUENCE)?;
    // The version stands first, except in certificates of version 1.
    if let Some((_, after)) = within(rest, 0xa0) {
        rest = after;
    }
    let (_, rest) = within(rest, INTEGER)?;
    let (_, rest) = within(rest, SEQUENCE)?;
    let (mut names, _) = within(rest, SEQUENCE)?;
    let (mut common, mut organization) = (None, None);
    while let Some((set, after)) = within(names, SET) {
        names = after;
        let Some((kind, value)) = within(set, SEQUENCE).and_then(|(it, _)| within(it, NAME_OF_KIND)) else {
            continue;
        };
        let text = element(value).map(|(_, text, _)| crate::prose::line(&String::from_utf8_lossy(text)));
        match kind {
            COMMON_NAME => common = text,
            ORGANIZATION => organization = text,
            _ => {}
        }
    }
    match (common, organization) {
        (Some(common), Some(organization)) => Some(format!("{common} ({organization})")),
        (one, other) => one.or(other),
    }
    .filter(|it| !it.is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use base64::Engine;
    use base64::engine::general_purpose::STANDARD;
    use proptest::prelude::*;

    /// Made by OpenSSL 3.0 (an ECDSA key, CN=cache.nixos.org, issued by /C=US/O=Zscaler Inc./CN=Zscaler Root CA).
    const DER: &str = "MIIBPzCB5gIBBzAKBggqhkjOPQQDAjA+MQswCQYDVQQGEwJVUzEVMBMGA1UECgwMWnNjYWxlciBJbmMuMRgwFgYDVQQDDA9ac2NhbGVyIFJvb3QgQ0EwHhcNMjYxMTIyMjI1MzU1WhcNMzYxMTE5MjI1MzU1WjAaMRgwFgYDVQQDDA9jYWNoZS5uaXhvcy5vcmcwWTATBgcqhkjOPQIBBggqhkjOPQMBBwNCAAR6npM0nE86nGJoSvmIm2uqkkd9laGlMwieEO/BKaRJWIJNAqxXb09baogfnosjMSEMeX6C8ZlFNB40HHnrlj7XMAoGCCqGSM49BAMCA0gAMEUCIBc8tDVJvH6xJvtR3l+98NkKKEWt4PLqfk7VqOn2/B+LAiEAzkZgzpf6P+9/+dtoPuMLISDP2Q3hmaFGch4nIr0RSmI=";

    fn der() -> Vec<u8> {
        STANDARD.decode(DER).unwrap()
    }

    #[test]
    fn an_issuer_has_a_name_and_a_company() {
        assert_eq!(issuer(&der()).as_deref(), Some("Zscaler Root CA (Zscaler Inc.)"));
        assert_eq!(issuer(b""), None);
        assert_eq!(issuer(&der()[..60]), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(bytes: Vec<u8>, at in 0usize..400, byte: u8) {
            issuer(&bytes);
            let mut mutated = der();
            if let Some(place) = mutated.get_mut(at) {
                *place = byte;
            }
            issuer(&mutated);
        }
    }
}
