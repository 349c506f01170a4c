//! A machine made of maps, for tests: answers what it was told to, and remembers what it was asked.

use super::*;
use std::collections::BTreeMap;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU64, Ordering};

/// A machine made of maps. What it was not told is not there.
#[derive(Default)]
pub struct Scripted {
    /// Output by the start of the command as it would be typed; the longest start counts.
    pub commands: BTreeMap<String, Output>,
    /// Regular files.
    pub files: BTreeMap<PathBuf, Vec<u8>>,
    /// Where programs are.
    pub programs: BTreeMap<String, PathBuf>,
    /// Ports by number.
    pub ports: BTreeMap<u16, Greeting>,
    /// HTTP answers by URL.
    pub pages: BTreeMap<String, Answer>,
    /// Variables of the environment.
    pub variables: BTreeMap<String, String>,
    /// Where links lead.
    pub links: BTreeMap<PathBuf, PathBuf>,
    /// What names resolve to, if not to 127.0.0.1.
    pub addresses: BTreeMap<String, Vec<IpAddr>>,
    /// HTTPS servers that show a certificate which nobody vouches for.
    pub untrusted: Vec<String>,
    /// When the files were written: seconds since 1970.
    pub written_at: u64,
    asked: Mutex<Vec<String>>,
    ticks: AtomicU64,
}

impl Scripted {
    /// Prints this, and ends with 0.
    pub fn says(mut self, command: &str, stdout: &str) -> Self {
        let output = Output { code: Some(0), stdout: stdout.to_owned(), ..Output::default() };
        self.commands.insert(command.to_owned(), output);
        self
    }
    /// Complains of this, and ends with 1.
    pub fn fails(mut self, command: &str, stderr: &str) -> Self {
        let output = Output { code: Some(1), stderr: stderr.to_owned(), ..Output::default() };
        self.commands.insert(command.to_owned(), output);
        self
    }
    /// There is such a file.
    pub fn file(mut self, path: &str, text: &str) -> Self {
        self.files.insert(PathBuf::from(path), text.as_bytes().to_vec());
        self
    }
    /// PATH has such a program.
    pub fn program(mut self, name: &str, path: &str) -> Self {
        self.programs.insert(name.to_owned(), PathBuf::from(path));
        self
    }
    /// Every command that was run, sorted.
    pub fn asked(&self) -> Vec<String> {
        let mut all = self.asked.lock().unwrap().clone();
        all.sort();
        all
    }
    fn meta(&self, path: &Path) -> Result<Meta, HostError> {
        let Some(bytes) = self.files.get(path) else {
            // Where a file is, there are the folders above it.
            let above = self.files.keys().any(|file| file.ancestors().skip(1).any(|it| it == path));
            let folder =
                Meta { kind: Kind::Folder, mode: 0o755, uid: 0, gid: 0, size: 0, modified: 1, target: None };
            return above.then_some(folder).ok_or(HostError::NotFound);
        };
        let size = bytes.len() as u64;
        Ok(Meta {
            kind: Kind::File,
            mode: 0o600,
            uid: 0,
            gid: 0,
            size,
            modified: self.written_at,
            target: None,
        })
    }
}

impl Host for Scripted {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        let typed = command.to_string();
        self.asked.lock().unwrap().push(typed.clone());
        let plain = Command { env: Vec::new(), ..command.clone() }.to_string();
        let known = self.commands.iter().filter(|(start, _)| plain.starts_with(start.as_str()));
        known
            .max_by_key(|(start, _)| start.len())
            .map(|(_, output)| output.clone())
            .ok_or(HostError::NotFound)
    }
    fn read_start(&self, path: &Path, bytes: usize) -> Result<Vec<u8>, HostError> {
        self.read(path).map(|all| all.into_iter().take(bytes).collect())
    }
    fn read(&self, path: &Path) -> Result<Vec<u8>, HostError> {
        self.files.get(path).cloned().ok_or(HostError::NotFound)
    }
    fn read_end(&self, path: &Path, most: usize) -> Result<Vec<u8>, HostError> {
        let bytes = self.read(path)?;
        Ok(bytes[bytes.len().saturating_sub(most)..].to_vec())
    }
    fn stat(&self, path: &Path) -> Result<Meta, HostError> {
        self.meta(path)
    }
    fn lstat(&self, path: &Path) -> Result<Meta, HostError> {
        self.meta(path)
    }
    fn canonical(&self, path: &Path) -> Result<PathBuf, HostError> {
        Ok(self.links.get(path).cloned().unwrap_or_else(|| path.to_path_buf()))
    }
    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        let inside = self.files.keys().filter(|file| file.parent() == Some(path));
        Ok(inside.filter_map(|file| Some(file.file_name()?.to_string_lossy().into_owned())).collect())
    }
    fn env(&self, name: &str) -> Option<String> {
        self.variables.get(name).cloned()
    }
    fn find(&self, program: &str) -> Vec<PathBuf> {
        self.programs.get(program).cloned().into_iter().collect()
    }
    fn resolve(&self, name: &str, _: Duration) -> Result<Vec<IpAddr>, HostError> {
        let known = self.addresses.get(name).cloned();
        Ok(known.unwrap_or_else(|| vec![IpAddr::from([127, 0, 0, 1])]))
    }
    fn greeting(&self, address: SocketAddr, _: Duration, _: Duration) -> Greeting {
        self.asked.lock().unwrap().push(format!("connect to {address}"));
        self.ports.get(&address.port()).cloned().unwrap_or(Greeting::Refused)
    }
    fn fetch(&self, url: &str, _: Option<&[u8]>, _: Duration) -> Result<Answer, FetchError> {
        self.asked.lock().unwrap().push(format!("GET {url}"));
        if self.untrusted.iter().any(|start| url.starts_with(start)) {
            let text = "invalid peer certificate: UnknownIssuer".to_owned();
            return Err(FetchError { at: FetchStage::Certificate, text });
        }
        let gone = FetchError { at: FetchStage::Name, text: "no such host".to_owned() };
        self.pages.get(url).cloned().ok_or(gone)
    }
    fn certificate(&self, url: &str, _: Duration) -> Option<Vec<u8>> {
        self.asked.lock().unwrap().push(format!("HEAD {url}"));
        None
    }
    fn now(&self) -> u64 {
        1_800_000_000
    }
    fn clock(&self) -> Duration {
        Duration::from_millis(self.ticks.fetch_add(1, Ordering::Relaxed))
    }
    fn current_folder(&self) -> Option<PathBuf> {
        None
    }
    fn this_program(&self) -> Option<PathBuf> {
        Some(PathBuf::from("/usr/local/bin/builder-doctor"))
    }
    fn nonce(&self) -> String {
        "NONCE".to_owned()
    }
}
