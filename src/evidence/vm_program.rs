//! The program that the builder's job runs: its scripts in the store, which every user may read.

use super::service::{PlistState, Service};
use super::{Look, Probe};
use crate::host::{HostError, Kind};
use crate::parse::launchd::{Environment, Printed};
use crate::parse::vm_program::{VmScripts, next_scripts};
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::path::Path;

/// The program that the builder's job runs.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(default)]
pub struct VmProgram {
    /// The scripts that were read, in the order in which they run.
    #[schemars(extend("x-kind" = "path"))]
    pub scripts: Vec<String>,
    /// What they say of the VM.
    pub says: VmScripts,
    /// The first program on that way that is not there.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schemars(extend("x-kind" = "path"))]
    pub missing: Option<String>,
    /// Whether the folder is there that holds what the running VM shares; None where no script names one.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub tmpdir_exists: Option<bool>,
    /// The file of certificates that the job is told to hand to the guest.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub certs: Option<CertFile>,
}

/// The file that the job's NIX_SSL_CERT_FILE names.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct CertFile {
    /// Its path.
    #[schemars(extend("x-kind" = "path"))]
    pub path: String,
    /// What is there.
    pub state: CertState,
}

/// What is where the certificates should be.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum CertState {
    /// A file of so many bytes.
    Bytes(u64),
    /// Nothing, or a link that leads nowhere.
    Missing,
    /// It cannot be told, because of this.
    #[schemars(extend("x-kind" = "text"))]
    Hidden(String),
}

const MOST_SCRIPTS: usize = 5;
/// A script of nixpkgs has some 5 KiB.
const MOST_BYTES: u64 = 64 << 10;

/// The job's environment: as launchd has it, or would have it once it is loaded.
pub fn environment(service: &Service) -> Option<&Environment> {
    match (&service.printed, &service.plist.state) {
        (Printed::Loaded(job), _) => Some(&job.environment),
        (_, PlistState::Present(plist)) => Some(&plist.environment),
        _ => None,
    }
}

pub(super) fn probe(look: &Look) -> Probe<VmProgram> {
    let service = match look.builder_job() {
        Probe::Seen { fact, .. } => fact,
        Probe::Blind { because, .. } => return Probe::blind(because.clone()),
        Probe::NotTaken { because } => return Probe::not_taken(because.clone()),
    };
    let arguments = match (&service.plist.state, &service.printed) {
        (PlistState::Present(plist), _) => plist.program_arguments.join(" "),
        (_, Printed::Loaded(job)) => job.arguments.join(" "),
        _ => return Probe::not_taken(format!("there is no job {}, so it runs nothing", service.label)),
    };
    let mut found = VmProgram::default();
    let mut queue = next_scripts(&arguments);
    for at in 0..MOST_SCRIPTS {
        let Some(path) = queue.get(at).cloned() else { break };
        match text(look, &path) {
            Ok(Some(text)) => {
                found.says.read(&text);
                for next in next_scripts(&text) {
                    if !queue.contains(&next) {
                        queue.push(next);
                    }
                }
                found.scripts.push(path);
            }
            Err(HostError::NotFound) => found.missing = found.missing.or(Some(path)),
            Ok(None) | Err(_) => {}
        }
    }
    if let Some(qemu) = &found.says.qemu
        && look.host.stat(Path::new(qemu)) == Err(HostError::NotFound)
    {
        found.missing = found.missing.or_else(|| Some(qemu.clone()));
    }
    found.tmpdir_exists =
        found.says.tmpdir.as_ref().and_then(|folder| match look.host.stat(Path::new(folder)) {
            Ok(_) => Some(true),
            Err(HostError::NotFound) => Some(false),
            Err(_) => None,
        });
    let certs = environment(service).and_then(|it| it.nix_ssl_cert_file.as_ref());
    found.certs = certs.map(|path| {
        let state = match look.host.stat(Path::new(path)) {
            Ok(meta) if meta.kind == Kind::File => CertState::Bytes(meta.size),
            Ok(_) => CertState::Hidden(HostError::NotAFile.to_string()),
            Err(HostError::NotFound) => CertState::Missing,
            Err(error) => CertState::Hidden(error.to_string()),
        };
        CertFile { path: path.clone(), state }
    });
    Probe::seen(found, "the scripts that the job's file names")
}

/// A script's text; None where it is something else, or too large for one.
fn text(look: &Look, path: &str) -> Result<Option<String>, HostError> {
    if look.host.stat(Path::new(path))?.size > MOST_BYTES {
        return Ok(None);
    }
    let bytes = look.host.read(Path::new(path))?;
    Ok(String::from_utf8(bytes).ok().filter(|text| !text.contains('\0')))
}
