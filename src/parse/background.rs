//! `sfltool dumpbtm`: what Background Task Management, the list behind System Settings > General > Login Items,
//! holds of one job. Its format is documented nowhere, so only what is needed is read, and the rest passed over.

use super::text::{clean, cut};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// One record of a job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct BackgroundItem {
    /// Whose list it is in: -2 for the whole machine, else a user's number.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub uid: Option<i64>,
    /// What the settings call it: for a job of nix-darwin's, the name of the shell that it starts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "text"))]
    pub name: Option<String>,
    /// Such as `enabled`, `disallowed`, `notified`.
    #[schemars(extend("x-kind" = "public"))]
    pub disposition: Vec<String>,
}

impl BackgroundItem {
    /// Somebody switched it off in System Settings; None where the record says neither.
    pub fn is_allowed(&self) -> Option<bool> {
        let says = |word: &str| self.disposition.iter().any(|it| it == word);
        if says("disallowed") { Some(false) } else { says("allowed").then_some(true) }
    }
}

const MAX_ITEMS: usize = 8;

/// The records that name a job by its label or its plist; None where the text is no such list.
pub fn parse_dump(text: &str, label: &str) -> Option<Vec<BackgroundItem>> {
    let text = clean(&text.replace('\r', "\n"));
    let (mut uid, mut found, mut is_list) = (None, Vec::new(), false);
    let mut item = Record::default();
    for line in text.lines().map(str::trim) {
        if let Some(rest) = line.strip_prefix("Records for UID ") {
            is_list = true;
            item.end(uid, label, &mut found);
            uid = rest.split_whitespace().next().and_then(|it| it.parse().ok());
        } else if line.strip_prefix('#').is_some_and(|rest| rest.trim_end_matches(':').parse::<u32>().is_ok())
        {
            // What is embedded in another item stands as `#1: its identifier`, and begins no record.
            item.end(uid, label, &mut found);
        } else if let Some((name, value)) = line.split_once(':') {
            item.set(name.trim(), value.trim());
        }
    }
    item.end(uid, label, &mut found);
    is_list.then_some(found)
}

#[derive(Default)]
struct Record {
    name: String,
    identifier: String,
    url: String,
    disposition: Vec<String>,
}

impl Record {
    fn set(&mut self, name: &str, value: &str) {
        match name {
            "Name" => self.name = cut(value, 100),
            "Identifier" => self.identifier = cut(value, 300),
            "URL" => self.url = cut(value, 1000),
            "Disposition" => {
                let inner = value.trim_start_matches('[').split(']').next().unwrap_or_default();
                let words = inner.split(',').map(|word| cut(word.trim(), 40)).filter(|word| !word.is_empty());
                self.disposition = words.take(MAX_ITEMS).collect();
            }
            _ => {}
        }
    }

    /// Keeps the record if it is of this job, and begins a new one.
    fn end(&mut self, uid: Option<i64>, label: &str, found: &mut Vec<BackgroundItem>) {
        let record = std::mem::take(self);
        // The identifier is the label behind the number of its type: `16.` for a daemon.
        let bare = record.identifier.split_once('.').filter(|(kind, _)| kind.parse::<u32>().is_ok());
        let is_it = record.identifier == label
            || bare.is_some_and(|(_, rest)| rest == label)
            || record.url.ends_with(&format!("/{label}.plist"));
        if is_it && !record.disposition.is_empty() && found.len() < MAX_ITEMS {
            let name = Some(record.name).filter(|it| !it.is_empty() && it != "(null)");
            found.push(BackgroundItem { uid, name, disposition: record.disposition });
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const LABEL: &str = "org.nixos.linux-builder";

    /// The shape of public captures (macOS 15 to 27, all of other jobs); names, numbers and paths are a nix-darwin job's.
    fn dump(disposition: &str) -> String {
        format!(
            "========================
 Records for UID -2 : FFFFEEEE-DDDD-CCCC-BBBB-AAAAFFFFFFFE
========================

 ServiceManagement migrated: true
 LaunchServices registered: false

 Items:

 #1:
                 UUID: F795003E-4AF4-4F54-AC11-9385A7206B83
                 Name: (null)
       Developer Name: (null)
                 Type: developer (0x20)
                Flags: [  ] (0)
          Disposition: [disabled, allowed, not notified] (0x2)
           Identifier: Unknown Developer
                  URL: (null)
           Generation: 0
  Embedded Item Identifiers:
    #1: 16.org.nixos.nix-daemon
    #2: 16.org.nixos.linux-builder

 #2:
                 UUID: 68353594-0105-463F-AAD0-AE5B903875A1
                 Name: sh
       Developer Name: (null)
                 Type: legacy daemon (0x10010)
                Flags: [ legacy ] (0x1)
          Disposition: [enabled, allowed, notified] (0xb)
           Identifier: 16.org.nixos.nix-daemon
                  URL: file:///Library/LaunchDaemons/org.nixos.nix-daemon.plist
      Executable Path: /bin/sh
           Generation: 3
    Parent Identifier: Unknown Developer

 #3:
                 UUID: 11111111-0105-463F-AAD0-AE5B903875A1
                 Name: sh
       Developer Name: (null)
                 Type: legacy daemon (0x10010)
                Flags: [ legacy ] (0x1)
          Disposition: {disposition}
           Identifier: 16.org.nixos.linux-builder
                  URL: file:///Library/LaunchDaemons/org.nixos.linux-builder.plist
      Executable Path: /bin/sh
           Generation: 1
    Parent Identifier: Unknown Developer

========================
 Records for UID 501 : FA7B2188-5C79-409C-AD7A-704FB1B05396
========================

 Items:

"
        )
    }

    #[test]
    fn a_job_is_told_from_its_neighbours() {
        let found = parse_dump(&dump("[enabled, disallowed, notified] (0x9)"), LABEL).unwrap();
        assert_eq!(found.len(), 1);
        assert_eq!((found[0].uid, found[0].name.as_deref()), (Some(-2), Some("sh")));
        assert_eq!(found[0].disposition, ["enabled", "disallowed", "notified"]);
        assert_eq!(found[0].is_allowed(), Some(false));
        // Older releases write one more word, and end lines otherwise.
        let older = dump("[enabled, allowed, visible, notified] (0xb)").replace('\n', "\r");
        assert_eq!(parse_dump(&older, LABEL).unwrap()[0].is_allowed(), Some(true));
        assert_eq!(parse_dump(&dump("[  ] (0)"), LABEL), Some(Vec::new()));
        assert_eq!(parse_dump(&dump("[enabled]"), "org.nixos.linux"), Some(Vec::new()));
        assert_eq!(parse_dump("sfltool: not permitted\n #1:\n Name: sh\n", LABEL), None);
    }

    proptest! {
        #[test]
        fn nothing_panics(text in "(?s).*", at in 0usize..2000) {
            parse_dump(&text, LABEL);
            let sample = dump("[enabled, disallowed, notified] (0x9)");
            let mutated: String = sample.chars().take(at).chain(text.chars()).chain(sample.chars().skip(at)).collect();
            parse_dump(&mutated, LABEL);
        }
    }
}
