//! The end of the log that the builder's job writes, where it writes one. Read only where the job does not
//! run well.

use super::service::log_paths;
use super::{Look, Probe};
use crate::parse::builder_log::last_lines;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The end of the log of the builder's job.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct BuilderLog {
    /// Its file.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// Errors are written to it too.
    pub errors: bool,
    /// How long ago it was last written to.
    pub seconds_ago: u64,
    /// The last lines that say something.
    #[schemars(extend("x-kind" = "text"))]
    pub lines: Vec<String>,
}

/// How much of a log's end is read: 64 KiB.
const MOST_BYTES: usize = 64 << 10;

pub(super) fn probe(look: &Look) -> Probe<BuilderLog> {
    if let Some(why) = super::service::runs_well(look) {
        return why;
    }
    let service = match look.builder_job().get() {
        Ok(service) => service,
        Err(missing) => return Probe::blind(missing.because),
    };
    let [errors, output] = log_paths(service);
    let both = [(errors, true), (output.filter(|_| output != errors), false)];
    let mut unread = None;
    let mut empty = None;
    for (path, errors) in both {
        let Some(path) = path.filter(|path| path.starts_with('/')) else { continue };
        let file = Path::new(path);
        let read = look.host.stat(file).and_then(|meta| Ok((meta, look.host.read_end(file, MOST_BYTES)?)));
        match read {
            Ok((meta, bytes)) => {
                let lines = last_lines(&bytes, bytes.len() < MOST_BYTES);
                let seconds_ago = look.host.now().saturating_sub(meta.modified);
                let log = BuilderLog { path: crate::prose::line(path), errors, seconds_ago, lines };
                if !log.lines.is_empty() {
                    return Probe::seen(log, path);
                }
                empty = empty.or(Some(log));
            }
            Err(error) => unread = unread.or_else(|| Some(format!("{path}: {error}"))),
        }
    }
    match (empty, unread) {
        (Some(log), _) => Probe::seen(log.clone(), log.path),
        (None, Some(because)) => Probe::blind(because),
        (None, None) => Probe::not_taken("the job writes no log"),
    }
}
