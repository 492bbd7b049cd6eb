//! Users of all services, who log in at any and use any token anywhere.

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde_json::Value;
use testkit::Client;
use testkit::scale::size;
use tokio::task::JoinSet;
use tokio::time::sleep;

/// Where services take logins, and tell whose a token is.
pub(crate) const PATHS: [(&str, &str, &str); 3] = [
    ("tasks", "/api/v1/auth/login/access-token", "/api/v1/users/me"),
    ("shop", "/api/v2/auth/login/access-token", "/api/v2/users/me"),
    ("analytics", "/api/p3/auth/login/access-token", "/api/p3/auth/users/me"),
];
const VISITORS: usize = 6;
/// Of so many requests one is a login.
const LOGIN_EVERY: usize = 8;
/// Tokens in use, of each key.
const MAX_TOKENS: usize = 30;

/// They stop when this is dropped.
pub(crate) struct Visitors {
    shared: Arc<Shared>,
    tasks: JoinSet<()>,
}

struct Shared {
    /// With the paths of login and user.
    processes: Vec<(Client, &'static str, &'static str)>,
    /// So many of them, from the first, issue tokens.
    issuers: usize,
    tokens: Mutex<Vec<String>>,
    requests: AtomicUsize,
    logins: AtomicUsize,
    stopping: AtomicBool,
}

/// The id of the key of a token.
pub(crate) fn kid(token: &str) -> String {
    let header = URL_SAFE_NO_PAD.decode(token.split('.').next().expect("a header")).expect("base64");
    let header: Value = serde_json::from_slice(&header).expect("JSON");
    header["kid"].as_str().expect("each token names its key").to_owned()
}

impl Visitors {
    pub(crate) async fn start(urls: Vec<(&'static str, String)>, issuers: usize) -> Self {
        let processes = urls.into_iter().map(|(role, url)| {
            let (_, login, me) = PATHS.iter().find(|(its, ..)| *its == role).expect("it is one of them");
            (Client::new(url), *login, *me)
        });
        let shared = Arc::new(Shared {
            processes: processes.collect(),
            issuers,
            tokens: Mutex::default(),
            requests: AtomicUsize::new(0),
            logins: AtomicUsize::new(0),
            stopping: AtomicBool::new(false),
        });
        for issuer in 0..issuers {
            shared.log_in(issuer).await;
        }
        let mut tasks = JoinSet::new();
        for number in 0..VISITORS {
            tasks.spawn(Arc::clone(&shared).visit(number));
        }
        Self { shared, tasks }
    }

    /// Waits for many more requests.
    pub(crate) async fn more(&self) {
        let end = self.shared.requests.load(Ordering::Relaxed) + size(800, 20_000);
        while self.shared.requests.load(Ordering::Relaxed) < end {
            sleep(Duration::from_millis(20)).await;
            assert!(!self.tasks.is_empty() && !self.shared.stopping.load(Ordering::Relaxed), "somebody was refused");
        }
    }

    /// A new token.
    pub(crate) async fn token(&self) -> String {
        self.shared.log_in(0).await
    }

    /// The ids of the keys of the tokens in use.
    pub(crate) fn kids(&self) -> Vec<String> {
        let kids: BTreeSet<_> = self.shared.tokens().iter().map(|token| kid(token)).collect();
        kids.into_iter().collect()
    }

    /// All tokens of other keys are used no more.
    pub(crate) async fn log_in_again(&self, with: &str) {
        self.shared.tokens().retain(|token| kid(token) == with);
        self.shared.log_in(0).await;
        // Requests on the way.
        sleep(Duration::from_secs(2)).await;
    }

    /// How many requests and logins there were.
    pub(crate) async fn stop(self) -> (usize, usize) {
        self.shared.stopping.store(true, Ordering::Relaxed);
        self.tasks.join_all().await;
        (self.shared.requests.load(Ordering::Relaxed), self.shared.logins.load(Ordering::Relaxed))
    }
}

impl Shared {
    fn tokens(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.tokens.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn visit(self: Arc<Self>, number: usize) {
        let mut turn = number;
        while !self.stopping.load(Ordering::Relaxed) {
            turn += 1;
            if turn.is_multiple_of(LOGIN_EVERY) {
                self.log_in(turn / LOGIN_EVERY % self.issuers).await;
            }
            let token = {
                let tokens = self.tokens();
                tokens[turn * 7 % tokens.len()].clone()
            };
            let (client, _, me) = &self.processes[turn % self.processes.len()];
            let answer = client.with_token(&*token).get(me).await;
            if answer.status != 200 {
                self.stopping.store(true, Ordering::Relaxed);
                panic!("{me} with a token of key {}: {} {}", kid(&token), answer.status, answer.text);
            }
            self.requests.fetch_add(1, Ordering::Relaxed);
        }
    }

    async fn log_in(&self, issuer: usize) -> String {
        let (client, login, _) = &self.processes[issuer];
        let user = client.login(login, "user@example.com", "user").await;
        let token = user.token().expect("it logged in").to_owned();
        let mut tokens = self.tokens();
        tokens.push(token.clone());
        let same: Vec<_> = (0..tokens.len()).filter(|&place| kid(&tokens[place]) == kid(&token)).collect();
        if same.len() > MAX_TOKENS {
            tokens.remove(same[0]);
        }
        self.logins.fetch_add(1, Ordering::Relaxed);
        token
    }
}
