//! A service with one operation for each kind of limit, with everything that surrounds a service in production, in as many
//! replicas as a test needs. All replicas of a test share a Redis prefix of their own.

use std::ops::Deref;
use std::sync::Arc;
use std::time::Duration;

use axum::extract::{Request, State};
use axum::routing::{get, post};
use contract::{Answer, Api, Caller, CountedBy, Operation, Problem, Quota, RateLimit, Reply, Security, Statuses};
use platform::http::{App, Description, Readiness};
use platform::settings::{HttpSettings, RedisSettings};
use platform::{Account, Database, Error, Limiter};
use testkit::{Answer as Answered, Client, TestDatabase, TestRedis, TestServer};

/// The timeout of a condition that should become true.
pub const CONDITION_TIMEOUT: Duration = Duration::from_secs(20);

const fn operation(id: &'static str, security: Security, rate_limits: &'static [RateLimit]) -> Operation {
    Operation {
        id,
        security,
        rate_limits,
        codes: &["wrong"],
        statuses: Statuses::of(&[200, 400, 401, 403, 429, 500, 503]),
        ..Operation::NEW
    }
}

const fn limit(class: &'static str, amount: u32, window_seconds: u32, by: CountedBy) -> RateLimit {
    RateLimit { class, amount, window_seconds, by, max_delay_seconds: 0 }
}

const fn delaying(class: &'static str, amount: u32, window_seconds: u32, max_delay_seconds: u32) -> RateLimit {
    RateLimit { class, amount, window_seconds, by: CountedBy::Account, max_delay_seconds }
}

static OWN: Operation = operation("own", Security::Scopes(&["user"]), &[limit("own", 20, 60, CountedBy::User)]);
/// Counts with `own`, with a smaller limit.
static OWN_FEWER: Operation =
    operation("own_fewer", Security::Scopes(&["user"]), &[limit("own", 5, 60, CountedBy::User)]);
static ANYBODY: Operation =
    operation("anybody", Security::Optional(&["user"]), &[limit("anybody", 3, 60, CountedBy::User)]);
static BRIEF: Operation = operation("brief", Security::Public, &[limit("brief", 4, 1, CountedBy::Address)]);
static BOTH: Operation = operation(
    "both",
    Security::Scopes(&["user"]),
    &[limit("both-user", 2, 60, CountedBy::User), limit("both-address", 3, 60, CountedBy::Address)],
);
static GUESS: Operation = operation(
    "guess",
    Security::Public,
    &[
        limit("guess", 8, 60, CountedBy::AccountAddress),
        delaying("guess-account", 20, 3600, 4),
        limit("guess-address", 100, 60, CountedBy::Address),
    ],
);
static FREE: Operation = operation("free", Security::Public, &[]);

struct Limited(Limiter, Database);

/// The token is the user's id.
struct User(i64);

impl Caller for User {
    fn has_scope(&self, _: &str) -> bool {
        true
    }
}

impl Api for Limited {
    type Caller = User;
    type Error = Error;

    async fn authenticate(&self, token: &str) -> Result<User, Error> {
        token.parse().map(User).map_err(|_| Problem::unauthorized("invalid_token", "Not a number.").into())
    }

    async fn admit(&self, operation: &'static Operation, caller: Option<&User>) -> Result<Vec<Quota>, Error> {
        self.0.admit(operation, caller.map(|user| user.0)).await
    }
}

struct Done;

impl Answer for Done {
    fn into_reply(self) -> Result<Reply, Problem> {
        Ok(Reply::new(200))
    }
}

fn router(limiter: Limiter, database: Database) -> axum::Router {
    type Served = State<Arc<Limited>>;
    macro_rules! simple {
        ($road:ident, $operation:ident, |$($argument:pat_param),*|) => {
            get(|State(service): Served, request: Request| {
                contract::$road(&$operation, service, request, |_| Some(()), async |$($argument),*| Ok::<_, Error>(Done))
            })
        };
    }
    axum::Router::new()
        .route("/own", simple!(authenticated, OWN, |_, _, ()|))
        .route("/own-fewer", simple!(authenticated, OWN_FEWER, |_, _, ()|))
        .route("/anybody", simple!(optional, ANYBODY, |_, _, ()|))
        .route("/brief", simple!(public, BRIEF, |_, ()|))
        .route("/both", simple!(authenticated, BOTH, |_, _, ()|))
        .route("/free", simple!(public, FREE, |_, ()|))
        // The secret of every account is `right`; an attempt takes a moment.
        .route(
            "/guess",
            post(|State(service): Served, request: Request| {
                contract::public(
                    &GUESS,
                    service,
                    request,
                    |input| {
                        let account = input.required(&contract::Parameter::query("account"), |value, at| {
                            at.string(value, &contract::Text::ANY)
                        });
                        let secret = input.required(&contract::Parameter::query("secret"), |value, at| {
                            at.string(value, &contract::Text::ANY)
                        });
                        let known = input.optional(&contract::Parameter::query("known"), |value, at| {
                            at.string(value, &contract::Text::ANY)
                        });
                        Some((account?, secret?, known?.is_some()))
                    },
                    async |service: Arc<Limited>, (name, secret, is_used_from_here): (String, String, bool)| {
                        let attempt = async {
                            tokio::time::sleep(Duration::from_millis(5)).await;
                            match &*secret {
                                "right" => Ok(Done),
                                "broken" => Err(Error::internal("not the guess's fault")),
                                _ => Err(Problem::bad_request("wrong", "Another one.").into()),
                            }
                        };
                        let account = Account { name, is_used_from_here };
                        service.0.guard(&GUESS).attempt(&service.1, &account, attempt).await
                    },
                )
            }),
        )
        .with_state(Arc::new(Limited(limiter, database)))
}

/// A replica.
pub struct Replica {
    /// Serves until it is dropped.
    _server: TestServer,
    pub client: Client,
}

/// What replicas share: a Redis and a database of the test.
pub struct Place {
    redis: TestRedis,
    database: TestDatabase,
}

impl Place {
    pub async fn new() -> Self {
        Self { redis: TestRedis::new(), database: TestDatabase::new().await }
    }
}

impl Deref for Place {
    type Target = TestRedis;

    fn deref(&self) -> &TestRedis {
        &self.redis
    }
}

/// A replica that counts in the Redis at `url`, or on its own without one.
pub fn replica(redis: &Place, url: &str, flags: &[&str]) -> Replica {
    // Directly connected, it may be slow, but is never unavailable.
    let patience = if url == redis.url() { "8000" } else { "500" };
    let place = ["--redis-url", url, "--redis-prefix", redis.prefix(), "--redis-timeout-ms", patience];
    let settings: RedisSettings = testkit::settings(&place);
    let http: HttpSettings = testkit::settings(flags);
    let auth = testkit::settings(&["--secret-key", "a key of the tests, the same for all replicas"]);
    let limiter = Limiter::new(&http, &settings, &auth).expect("the settings are good");
    let database = Database::new(&redis.database.settings(), "limited").expect("the URL is one");
    let description = Description { service: "limited".into(), version: "1".into(), document: "{}" };
    let register = |app: &App| {
        let operations: [&'static Operation; 7] = [&OWN, &OWN_FEWER, &ANYBODY, &BRIEF, &BOTH, &GUESS, &FREE];
        limiter.register(app.metrics(), &operations);
    };
    let server =
        TestServer::start_with(description, router(limiter.clone(), database), Readiness::default(), flags, register);
    Replica { client: server.client(), _server: server }
}

impl Replica {
    pub fn user(&self, key: i64) -> Client {
        self.client.with_token(key.to_string())
    }

    /// Sends a request as a user to the operation with a limit of 20 per minute.
    pub async fn own(&self, user: i64) -> Answered {
        self.user(user).get("/own").await
    }

    pub async fn guess(&self, account: &str, secret: &str) -> Answered {
        self.client.post_empty(&format!("/guess?account={account}&secret={secret}")).await
    }

    /// The same from an address that a trusted proxy forwards.
    pub async fn guess_from(&self, address: &str, account: &str, secret: &str) -> Answered {
        let path = format!("/guess?account={account}&secret={secret}");
        self.client.send(self.client.request(http::Method::POST, &path).header("x-forwarded-for", address)).await
    }

    /// A sample of its metrics; 0 when there is none.
    pub async fn metric(&self, name: &str) -> f64 {
        let text = self.client.get("/metrics").await.text;
        let line = text.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
        line.map_or(0.0, |value| value.parse().expect("a number"))
    }
}

/// How many of these are 200, and how many 429.
#[track_caller]
pub fn tally(answers: &[Answered]) -> (usize, usize) {
    let of = |status: u16| answers.iter().filter(|answer| answer.status.as_u16() == status).count();
    let (admitted, refused) = (of(200), of(429));
    assert_eq!(admitted + refused, answers.len(), "{answers:?}");
    (admitted, refused)
}
