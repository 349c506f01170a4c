//! This machine.
#![allow(clippy::disallowed_methods, clippy::disallowed_types)] // this is the door

use super::*;
use std::ffi::OsStr;
use std::io::{ErrorKind, Read, Seek, SeekFrom};
use std::net::{TcpStream, ToSocketAddrs};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::sync::mpsc;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The machine that this program runs on.
pub struct Live {
    started: Instant,
    limit: Duration,
    interrupted: Arc<Cancel>,
    /// One client for all caches: reading a bundle of certificates takes longer than a request.
    client: Arc<OnceLock<Client>>,
    /// Programs are found here, and not on the caller's PATH.
    path: Option<&'static str>,
}

/// Where root finds programs, and its children theirs: folders of the system's own.
pub const PATH_OF_ROOT: &str = "/usr/bin:/bin:/usr/sbin:/sbin";

type Client = Result<reqwest::blocking::Client, FetchError>;

impl Live {
    /// Looks for at most `limit`; every child ends when `interrupted` is raised.
    pub fn new(limit: Duration, interrupted: Arc<Cancel>) -> Self {
        Live { started: Instant::now(), limit, interrupted, client: Arc::default(), path: None }
    }

    /// Where it is root who looks or acts: no program that only the caller's PATH leads to is run.
    pub fn on_roots_path(self) -> Self {
        let is_root = rustix::process::geteuid().is_root();
        Live { path: is_root.then_some(PATH_OF_ROOT), ..self }
    }

    /// Work that has no deadline of its own, in a thread that may be left behind.
    fn in_time<T: Send + 'static>(
        &self,
        deadline: Duration,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<T> {
        let (sender, answer) = mpsc::sync_channel(1);
        std::thread::spawn(move || sender.send(work()));
        let started = Instant::now();
        while started.elapsed() < deadline && self.interrupted.reason().is_none() {
            let tick = deadline.saturating_sub(started.elapsed()).min(Duration::from_millis(50));
            match answer.recv_timeout(tick) {
                Err(mpsc::RecvTimeoutError::Timeout) => {}
                ended => return ended.ok(),
            }
        }
        None
    }

    fn left(&self) -> Duration {
        self.limit.saturating_sub(self.started.elapsed())
    }
}

impl Host for Live {
    fn run(&self, command: &Command) -> Result<Output, HostError> {
        match self.path {
            Some(path) => process::run(&command.clone().env("PATH", path), &self.interrupted, self.left()),
            None => process::run(command, &self.interrupted, self.left()),
        }
    }

    fn read_start(&self, path: &Path, bytes: usize) -> Result<Vec<u8>, HostError> {
        let mut start = Vec::new();
        regular_file(path)?.take(bytes.min(BOUND) as u64).read_to_end(&mut start)?;
        Ok(start)
    }

    fn read(&self, path: &Path) -> Result<Vec<u8>, HostError> {
        let mut bytes = Vec::new();
        regular_file(path)?.take(BOUND as u64 + 1).read_to_end(&mut bytes)?;
        if bytes.len() > BOUND { Err(HostError::TooBig) } else { Ok(bytes) }
    }

    fn read_end(&self, path: &Path, most: usize) -> Result<Vec<u8>, HostError> {
        let mut file = regular_file(path)?;
        let most = most.min(BOUND) as u64;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(most)))?;
        let mut bytes = Vec::new();
        // A log may grow while it is read.
        file.take(most).read_to_end(&mut bytes)?;
        Ok(bytes)
    }

    fn stat(&self, path: &Path) -> Result<Meta, HostError> {
        Ok(meta(&std::fs::metadata(path)?, None))
    }

    fn lstat(&self, path: &Path) -> Result<Meta, HostError> {
        let found = std::fs::symlink_metadata(path)?;
        let target = if found.is_symlink() { Some(std::fs::read_link(path)?) } else { None };
        Ok(meta(&found, target))
    }

    fn canonical(&self, path: &Path) -> Result<PathBuf, HostError> {
        Ok(std::fs::canonicalize(path)?)
    }

    fn list(&self, path: &Path) -> Result<Vec<String>, HostError> {
        let mut names = Vec::new();
        for entry in std::fs::read_dir(path)? {
            names.push(entry?.file_name().to_string_lossy().into_owned());
        }
        names.sort();
        Ok(names)
    }

    fn env(&self, name: &str) -> Option<String> {
        std::env::var_os(name).map(|value| value.to_string_lossy().into_owned())
    }

    fn find(&self, program: &str) -> Vec<PathBuf> {
        let path = self.path.map_or(path::of_caller().path.as_os_str(), OsStr::new);
        which::which_in_all(program, Some(path), "/").map(Iterator::collect).unwrap_or_default()
    }

    fn left_out_of_path(&self) -> &[String] {
        if self.path.is_some() { &[] } else { &path::of_caller().left_out }
    }

    fn resolve(&self, name: &str, deadline: Duration) -> Result<Vec<IpAddr>, HostError> {
        let name = name.to_owned();
        // The system's resolver has no deadline, so it gets a thread that may be left behind.
        self.in_time(deadline.min(self.left()), move || {
            let found = (name.as_str(), 0).to_socket_addrs();
            found.map(|all| all.map(|address| address.ip()).collect()).map_err(HostError::from)
        })
        .unwrap_or(Err(HostError::TimedOut(deadline)))
    }

    fn greeting(&self, address: SocketAddr, connect: Duration, line: Duration) -> Greeting {
        match TcpStream::connect_timeout(&address, connect.min(self.left()).max(Duration::from_millis(1))) {
            Ok(stream) => first_line(stream, line.min(self.left()), &self.interrupted),
            Err(error) => match error.kind() {
                ErrorKind::ConnectionRefused => Greeting::Refused,
                ErrorKind::TimedOut | ErrorKind::WouldBlock => Greeting::NoAnswer,
                _ => Greeting::Failed(error.to_string()),
            },
        }
    }

    fn fetch(&self, url: &str, bundle: Option<&[u8]>, deadline: Duration) -> Result<Answer, FetchError> {
        let deadline = deadline.min(self.left());
        let (url, bundle) = (url.to_owned(), bundle.map(<[u8]>::to_vec));
        let client = Arc::clone(&self.client);
        // The client's own deadline does not cover the look-up of the name.
        self.in_time(deadline + Duration::from_millis(200), move || {
            get(client.get_or_init(|| client_for(bundle.as_deref())), &url, deadline)
        })
        .unwrap_or_else(|| {
            Err(FetchError { at: FetchStage::Deadline, text: HostError::TimedOut(deadline).to_string() })
        })
    }

    fn certificate(&self, url: &str, deadline: Duration) -> Option<Vec<u8>> {
        let deadline = deadline.min(self.left());
        let url = url.to_owned();
        self.in_time(deadline + Duration::from_millis(200), move || {
            // It is asked who signs here, after trust was refused; no answer is believed.
            let client = reqwest::blocking::Client::builder()
                .danger_accept_invalid_certs(true)
                .tls_info(true)
                .redirect(reqwest::redirect::Policy::none());
            let answer = client.build().ok()?.head(url).timeout(deadline).send().ok()?;
            answer.extensions().get::<reqwest::tls::TlsInfo>()?.peer_certificate().map(<[u8]>::to_vec)
        })?
    }

    fn now(&self) -> u64 {
        SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_secs())
    }

    fn clock(&self) -> Duration {
        self.started.elapsed()
    }

    fn current_folder(&self) -> Option<PathBuf> {
        std::env::current_dir().ok()
    }

    fn this_program(&self) -> Option<PathBuf> {
        std::env::current_exe().ok()
    }

    fn nonce(&self) -> String {
        let nanos = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_nanos());
        format!("{nanos:x}-{:x}", std::process::id())
    }
}

/// What a user names as input: a file, or standard input for `-`. An error where it is longer than `most`.
pub fn read_input(path: &Path, most: u64) -> std::io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    if path.as_os_str() == "-" {
        std::io::stdin().lock().take(most + 1).read_to_end(&mut bytes)?;
    } else {
        std::fs::File::open(path)?.take(most + 1).read_to_end(&mut bytes)?;
    }
    if bytes.len() as u64 > most {
        return Err(std::io::Error::other(format!("it is larger than {} MiB", most >> 20)));
    }
    Ok(bytes)
}

/// What a user names as input: a file of any kind, or standard input for `-`.
pub fn open_input(path: &Path) -> std::io::Result<Box<dyn Read + Send>> {
    match path.as_os_str() == "-" {
        true => Ok(Box::new(std::io::stdin())),
        false => Ok(Box::new(std::fs::File::open(path)?)),
    }
}

/// A file that is no pipe, no device and no folder, open for reading.
pub fn regular_file(path: &Path) -> Result<std::fs::File, HostError> {
    // Not blocking, so that a pipe in a file's place cannot hold us; no terminal may become ours.
    let flags = rustix::fs::OFlags::NONBLOCK | rustix::fs::OFlags::NOCTTY;
    let flags = i32::try_from(flags.bits()).unwrap_or_default();
    let file = std::fs::OpenOptions::new().read(true).custom_flags(flags).open(path)?;
    if file.metadata()?.is_file() { Ok(file) } else { Err(HostError::NotAFile) }
}

/// A text's beginning and its end: errors are at the end, and what led to them is at the beginning.
pub struct BothEnds {
    /// What was kept.
    pub bytes: Vec<u8>,
    /// There was more between them, or after them.
    pub cut: bool,
}

impl BothEnds {
    /// The first quarter and the last three of `most` bytes.
    pub fn of(mut text: &[u8], most: usize) -> Self {
        let read = both_ends(&mut text, most);
        read.unwrap_or_else(|_| BothEnds { bytes: Vec::new(), cut: true })
    }
}

/// Standard input, of which `most` bytes are kept. Input that never ends is given up at 64 times as much.
pub fn read_both_ends(most: usize) -> std::io::Result<BothEnds> {
    both_ends(&mut std::io::stdin().lock(), most)
}

fn both_ends(input: &mut impl Read, most: usize) -> std::io::Result<BothEnds> {
    let mut bytes = Vec::new();
    input.by_ref().take(most as u64).read_to_end(&mut bytes)?;
    let mut end = bytes.split_off(bytes.len().min(most / 4));
    let room = most - most / 4;
    let mut cut = false;
    let mut block = Vec::new();
    for _ in 0..256 {
        block.clear();
        input.by_ref().take(most as u64 / 4).read_to_end(&mut block)?;
        if block.is_empty() {
            break;
        }
        cut = true;
        end.extend_from_slice(&block);
        end.drain(..end.len().saturating_sub(room));
    }
    if cut {
        // What stood between is gone, and half a line is none.
        let whole = bytes.iter().rposition(|byte| *byte == b'\n').map_or(bytes.len(), |at| at + 1);
        bytes.truncate(whole);
        let begins = end.iter().position(|byte| *byte == b'\n').unwrap_or(0);
        end.drain(..begins);
    }
    bytes.extend(end);
    Ok(BothEnds { bytes, cut })
}

fn meta(found: &std::fs::Metadata, target: Option<PathBuf>) -> Meta {
    let kind = match found.file_type() {
        kind if kind.is_file() => Kind::File,
        kind if kind.is_dir() => Kind::Folder,
        kind if kind.is_symlink() => Kind::Link,
        _ => Kind::Other,
    };
    Meta {
        kind,
        mode: found.mode() & 0o7777,
        uid: found.uid(),
        gid: found.gid(),
        size: found.len(),
        modified: u64::try_from(found.mtime()).unwrap_or(0),
        target,
    }
}

fn first_line(mut stream: TcpStream, deadline: Duration, interrupted: &Cancel) -> Greeting {
    let started = Instant::now();
    let mut line = Vec::new();
    let mut byte = [0];
    while line.len() < 255 {
        let left = deadline.saturating_sub(started.elapsed());
        let tick = left.min(Duration::from_millis(50));
        if left.is_zero() || interrupted.reason().is_some() || stream.set_read_timeout(Some(tick)).is_err() {
            break;
        }
        match stream.read(&mut byte) {
            Ok(0) if line.is_empty() => return Greeting::Closed,
            Ok(1) if byte[0] != b'\n' => line.push(byte[0]),
            Ok(_) => break,
            Err(error)
                if matches!(
                    error.kind(),
                    ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted
                ) => {}
            Err(_) if line.is_empty() => return Greeting::Closed,
            Err(_) => break,
        }
    }
    if line.is_empty() {
        return Greeting::Silent(deadline);
    }
    Greeting::Line(String::from_utf8_lossy(&line).trim_end_matches('\r').to_owned())
}

fn fail(at: FetchStage, text: String) -> FetchError {
    FetchError { at, text }
}

fn client_for(bundle: Option<&[u8]>) -> Client {
    let mut client = reqwest::blocking::Client::builder()
        .user_agent(concat!("builder-doctor/", env!("CARGO_PKG_VERSION")));
    if let Some(pem) = bundle {
        let all = reqwest::Certificate::from_pem_bundle(pem)
            .map_err(|error| fail(FetchStage::Certificate, words(&error)))?;
        client = all.into_iter().fold(client, reqwest::blocking::ClientBuilder::add_root_certificate);
    }
    client.build().map_err(|error| fail(FetchStage::Certificate, words(&error)))
}

fn get(client: &Client, url: &str, deadline: Duration) -> Result<Answer, FetchError> {
    let client = client.as_ref().map_err(Clone::clone)?;
    let answer =
        client.get(url).timeout(deadline).send().map_err(|error| fail(stage(&error), words(&error)))?;
    let (status, url) = (answer.status().as_u16(), answer.url().to_string());
    let mut body = Vec::new();
    answer
        .take(64 << 10)
        .read_to_end(&mut body)
        .map_err(|error| fail(FetchStage::Answer, error.to_string()))?;
    Ok(Answer { status, url, body: String::from_utf8_lossy(&body).into_owned() })
}

/// The chain of causes; the library's first words only repeat the address.
fn words(error: &dyn std::error::Error) -> String {
    let mut cause = error.source();
    let mut said: Vec<String> = Vec::new();
    while let Some(error) = cause {
        let text = error.to_string();
        // "client error (Connect)" says no more than that it failed.
        if !text.starts_with("client error (") && !said.iter().any(|earlier| earlier.contains(&text)) {
            said.push(text);
        }
        cause = error.source();
    }
    if said.is_empty() { error.to_string() } else { said.join(": ") }
}

fn stage(error: &reqwest::Error) -> FetchStage {
    let text = words(error);
    if error.is_timeout() {
        FetchStage::Deadline
    } else if error.is_builder() {
        FetchStage::Address
    } else if text.contains("certificate") {
        FetchStage::Certificate
    } else if text.contains("dns error") || text.contains("lookup address") {
        FetchStage::Name
    } else if error.is_connect() {
        FetchStage::Connect
    } else {
        FetchStage::Answer
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write;
    use std::net::TcpListener;

    fn live() -> Live {
        Live::new(Duration::from_secs(60), Arc::default())
    }

    fn served(reply: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            stream.write_all(reply).unwrap();
        });
        address
    }

    /// The same, once the client has said its piece.
    fn served_to_a_client(reply: &'static [u8]) -> SocketAddr {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        std::thread::spawn(move || {
            let (mut stream, _) = listener.accept().unwrap();
            let mut said = Vec::new();
            while !said.ends_with(b"\r\n\r\n") {
                let mut byte = [0];
                stream.read_exact(&mut byte).unwrap();
                said.push(byte[0]);
            }
            stream.write_all(reply).unwrap();
        });
        address
    }

    fn greeting(address: SocketAddr) -> Greeting {
        live().greeting(address, Duration::from_secs(30), Duration::from_secs(30))
    }

    #[test]
    fn a_greeting_is_one_line_of_what_the_server_says() {
        let said = greeting(served(b"SSH-2.0-OpenSSH_10.0\r\nmore"));
        assert_eq!(said, Greeting::Line("SSH-2.0-OpenSSH_10.0".to_owned()));
        assert_eq!(greeting(served(b"")), Greeting::Closed);
        assert_eq!(greeting(served(&[b'x'; 9000])), Greeting::Line("x".repeat(255)));
    }

    #[test]
    fn a_silent_and_a_closed_port_are_two_things() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let wait = Duration::from_millis(50);
        assert_eq!(live().greeting(address, Duration::from_secs(30), wait), Greeting::Silent(wait));
        drop(listener);
        assert_eq!(greeting(address), Greeting::Refused);
    }

    #[test]
    fn only_regular_files_are_read_and_only_up_to_the_bound() {
        let folder = std::env::temp_dir().join(format!("builder-doctor-{}", live().nonce()));
        std::fs::create_dir(&folder).unwrap();
        let file = folder.join("file");
        std::fs::write(&file, vec![b'x'; BOUND]).unwrap();
        assert_eq!(live().read(&file).unwrap().len(), BOUND);
        std::fs::write(&file, vec![b'x'; BOUND + 1]).unwrap();
        assert_eq!(live().read(&file).unwrap_err(), HostError::TooBig);
        assert_eq!(live().read_start(&file, 4).unwrap(), b"xxxx");
        assert_eq!(live().read_start(Path::new("/dev/zero"), 4).unwrap_err(), HostError::NotAFile);
        assert_eq!(live().read(&folder).unwrap_err(), HostError::NotAFile);
        assert_eq!(live().read(Path::new("/dev/zero")).unwrap_err(), HostError::NotAFile);
        let pipe = folder.join("pipe");
        assert!(std::process::Command::new("mkfifo").arg(&pipe).status().unwrap().success());
        assert_eq!(live().read(&pipe).unwrap_err(), HostError::NotAFile);
        assert_eq!(live().read_end(&pipe, 9).unwrap_err(), HostError::NotAFile);
        assert_eq!(live().read_end(Path::new("/dev/zero"), 9).unwrap_err(), HostError::NotAFile);
        assert_eq!(live().read_end(&file, 9).unwrap(), b"xxxxxxxxx");
        assert_eq!(live().read_end(&file, usize::MAX).unwrap().len(), BOUND);
        std::fs::write(&file, "short").unwrap();
        assert_eq!(live().read_end(&file, 9).unwrap(), b"short");
        assert_eq!(live().read_start(&pipe, 4).unwrap_err(), HostError::NotAFile);
        assert_eq!(live().read(&folder.join("none")).unwrap_err(), HostError::NotFound);
        assert_eq!(live().read(&file.join("none")).unwrap_err(), HostError::NotFound);
        std::fs::remove_dir_all(&folder).unwrap();
    }

    #[test]
    fn of_a_long_text_both_ends_are_kept() {
        let of = |text: &str, most| {
            let ends = BothEnds::of(text.as_bytes(), most);
            (String::from_utf8(ends.bytes).unwrap(), ends.cut)
        };
        assert_eq!(of("", 16), (String::new(), false));
        assert_eq!(of("0123456789abcdef", 16), ("0123456789abcdef".to_owned(), false));
        // 4 bytes of the beginning and 12 of the end, without their broken lines.
        assert_eq!(of("a\nbbbbbbbbbbbbbbbb\ncccc\n", 16), ("a\n\ncccc\n".to_owned(), true));
        assert_eq!(of(&"x".repeat(40), 16), ("x".repeat(16), true));
        let endless = both_ends(&mut std::io::repeat(b'x'), 16).unwrap();
        assert_eq!((endless.bytes.len(), endless.cut), (16, true));
    }

    #[test]
    fn plain_http_answers_without_a_bundle() {
        let address = served_to_a_client(b"HTTP/1.1 503 Busy\r\ncontent-length: 2\r\n\r\nno");
        let answer = live().fetch(&format!("http://{address}/x"), None, Duration::from_secs(30)).unwrap();
        assert_eq!((answer.status, answer.body.as_str()), (503, "no"));
    }

    #[test]
    fn each_stage_of_a_failed_fetch_has_its_name() {
        let at = |url: &str| live().fetch(url, None, Duration::from_secs(30)).unwrap_err().at;
        assert_eq!(at("no address"), FetchStage::Address);
        let closed = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
        assert_eq!(at(&format!("http://{closed}/")), FetchStage::Connect);
        assert_eq!(at("http://nothing.invalid/"), FetchStage::Name);
    }
}
