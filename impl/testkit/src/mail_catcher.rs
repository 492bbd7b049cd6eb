//! A mail server that keeps what it gets (RFC 5321), with STARTTLS (RFC 3207) and login (RFC 4954) if it is given a certificate.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use tokio::io::{AsyncBufReadExt as _, AsyncRead, AsyncWrite, AsyncWriteExt as _, BufReader};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;

/// A mail that has not come after this long never will.
const AT_LAST: Duration = Duration::from_secs(20);

/// A mail that was received.
#[derive(Debug, Clone)]
pub struct Caught {
    /// The sender of the envelope.
    pub from: String,
    /// The recipient of the envelope.
    pub to: String,
    /// Header and body, lines without carriage returns.
    pub content: String,
    /// Whether the connection was encrypted.
    pub is_encrypted: bool,
    /// The user and password that the client logged in with.
    pub login: Option<(String, String)>,
}

impl Caught {
    /// A field of the header, on one line.
    ///
    /// # Panics
    /// When there is none.
    pub fn header(&self, name: &str) -> &str {
        let field = self.content.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
        field.unwrap_or_else(|| panic!("no {name}: {}", self.content))
    }

    /// The token in it.
    ///
    /// # Panics
    /// When there is none.
    pub fn token(&self) -> String {
        let token = self.content.lines().find(|line| line.starts_with("sfe_"));
        token.unwrap_or_else(|| panic!("no token: {}", self.content)).trim().to_owned()
    }
}

/// The response to a command instead of the usual one: the lines of a response, or nothing and the end of the connection when it is empty. The end
/// of a mail is the command `.`, which is kept all the same.
pub type Answers = Arc<dyn Fn(&str) -> Option<String> + Send + Sync>;

/// How it behaves.
#[derive(Clone, Default)]
pub struct CatcherSetup {
    /// Its address; any port unless set.
    pub address: Option<SocketAddr>,
    /// Its certificate: then it offers STARTTLS, and login once that is done.
    pub tls: Option<Arc<ServerConfig>>,
    /// Other responses than usual.
    pub answers: Option<Answers>,
}

/// Receives until it is dropped.
pub struct MailCatcher {
    /// Where it listens.
    pub address: SocketAddr,
    caught: Arc<Mutex<Vec<Caught>>>,
    task: JoinHandle<()>,
}

impl MailCatcher {
    /// One that accepts everything.
    pub async fn start() -> Self {
        Self::with(CatcherSetup::default()).await
    }

    /// One that behaves otherwise.
    ///
    /// # Panics
    /// When its address is used.
    pub async fn with(setup: CatcherSetup) -> Self {
        let address = setup.address.unwrap_or_else(|| ([127, 0, 0, 1], 0).into());
        let listener = TcpListener::bind(address).await.expect("a port");
        let (address, caught) = (listener.local_addr().expect("an address"), Arc::new(Mutex::new(Vec::new())));
        let kept = Arc::clone(&caught);
        let task = tokio::spawn(async move {
            let mut sessions = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                let session =
                    Session { setup: setup.clone(), kept: Arc::clone(&kept), is_encrypted: false, login: None };
                sessions.spawn(session.run(Box::new(stream)));
            }
        });
        Self { address, caught, task }
    }

    /// The URL of it without encryption.
    pub fn url(&self) -> String {
        format!("smtp://{}?tls=none", self.address)
    }

    /// Everything that was received and not taken.
    pub fn all(&self) -> Vec<Caught> {
        self.caught.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Waits for a mail to an address with a subject, and takes it.
    ///
    /// # Panics
    /// When none comes.
    pub async fn take(&self, to: &str, subject: &str) -> Caught {
        let found = async {
            loop {
                if let Some(caught) = self.taken(to, subject) {
                    return caught;
                }
                sleep(Duration::from_millis(10)).await;
            }
        };
        timeout(AT_LAST, found).await.unwrap_or_else(|_| panic!("no {subject:?} to {to}: {:?}", self.all()))
    }

    fn taken(&self, to: &str, subject: &str) -> Option<Caught> {
        let mut caught = self.caught.lock().unwrap_or_else(PoisonError::into_inner);
        let place = caught.iter().position(|one| one.to == to && one.header("Subject") == subject)?;
        Some(caught.remove(place))
    }
}

impl Drop for MailCatcher {
    fn drop(&mut self) {
        self.task.abort();
    }
}

trait Stream: AsyncRead + AsyncWrite + Send + Unpin {}
impl<S: AsyncRead + AsyncWrite + Send + Unpin> Stream for S {}

struct Session {
    setup: CatcherSetup,
    kept: Arc<Mutex<Vec<Caught>>>,
    is_encrypted: bool,
    login: Option<(String, String)>,
}

impl Session {
    async fn run(mut self, stream: Box<dyn Stream>) {
        let mut stream = BufReader::new(stream);
        let (mut from, mut to) = (String::new(), String::new());
        let mut answer = "220 catcher".to_owned();
        while stream.write_all(format!("{answer}\r\n").as_bytes()).await.is_ok() {
            let Some(line) = line(&mut stream).await else { return };
            if let Some(other) = self.instead(&line) {
                if other.is_empty() {
                    return;
                }
                answer = other;
                continue;
            }
            let (verb, rest) = line.split_once([' ', ':']).unwrap_or((&line, ""));
            answer = match verb.to_ascii_uppercase().as_str() {
                "EHLO" => self.extensions(),
                "STARTTLS" => {
                    let Some(tls) = self.setup.tls.clone() else { return };
                    let _ = stream.write_all(b"220 go ahead\r\n").await;
                    let Ok(encrypted) = TlsAcceptor::from(tls).accept(stream.into_inner()).await else { return };
                    stream = BufReader::new(Box::new(encrypted));
                    self.is_encrypted = true;
                    // What comes next is another EHLO, without a greeting.
                    let Some(_) = self::line(&mut stream).await else { return };
                    self.extensions()
                }
                "AUTH" => self.log_in(rest),
                "MAIL" => {
                    from = path(rest);
                    "250 ok".to_owned()
                }
                "RCPT" => {
                    to = path(rest);
                    "250 ok".to_owned()
                }
                "DATA" => {
                    let _ = stream.write_all(b"354 go ahead\r\n").await;
                    let Some(content) = content(&mut stream).await else { return };
                    self.keep(&from, &to, content);
                    match self.instead(".") {
                        Some(other) if other.is_empty() => return,
                        Some(other) => other,
                        None => "250 kept".to_owned(),
                    }
                }
                "QUIT" => {
                    let _ = stream.write_all(b"221 bye\r\n").await;
                    return;
                }
                _ => "250 ok".to_owned(),
            };
        }
    }

    fn instead(&self, command: &str) -> Option<String> {
        self.setup.answers.as_ref().and_then(|answers| answers(command))
    }

    fn extensions(&self) -> String {
        match (&self.setup.tls, self.is_encrypted) {
            (Some(_), false) => "250-catcher\r\n250-STARTTLS\r\n250 8BITMIME".to_owned(),
            (Some(_), true) => "250-catcher\r\n250-AUTH PLAIN\r\n250 8BITMIME".to_owned(),
            (None, _) => "250-catcher\r\n250 8BITMIME".to_owned(),
        }
    }

    /// `PLAIN`, with the initial response.
    fn log_in(&mut self, rest: &str) -> String {
        let response = rest.strip_prefix("PLAIN ").and_then(|text| BASE64_STANDARD.decode(text).ok());
        let text = response.and_then(|bytes| String::from_utf8(bytes).ok()).unwrap_or_default();
        let parts: Vec<&str> = text.split('\0').collect();
        let [_, user, password] = parts[..] else { return "535 no".to_owned() };
        self.login = Some((user.to_owned(), password.to_owned()));
        "235 welcome".to_owned()
    }

    fn keep(&self, from: &str, to: &str, content: String) {
        let (from, to, login) = (from.to_owned(), to.to_owned(), self.login.clone());
        let caught = Caught { from, to, content, is_encrypted: self.is_encrypted, login };
        self.kept.lock().unwrap_or_else(PoisonError::into_inner).push(caught);
    }
}

async fn line(stream: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut line = String::new();
    match stream.read_line(&mut line).await {
        Ok(0) | Err(_) => None,
        Ok(_) => Some(line.trim_end_matches(['\r', '\n']).to_owned()),
    }
}

async fn content(stream: &mut BufReader<Box<dyn Stream>>) -> Option<String> {
    let mut content = String::new();
    loop {
        let line = line(stream).await?;
        if line == "." {
            return Some(content);
        }
        content.push_str(line.strip_prefix('.').unwrap_or(&line));
        content.push('\n');
    }
}

/// What is in `FROM:<...>` or `TO:<...>`.
fn path(rest: &str) -> String {
    rest.split_once('<').and_then(|(_, rest)| rest.split_once('>')).map_or("", |(path, _)| path).to_owned()
}
