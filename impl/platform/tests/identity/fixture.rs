//! Accounts in a database of their own, with cheap hashes.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use contract::Problem;
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform::identity::{Accounts, Tokens, UserChange, users};
use platform::settings::AuthSettings;
use platform::{Database, Guard, Signups};
use serde_json::Value;
use testkit::TestDatabase;

pub(crate) const KEY: &str = "a key of the tests, long enough for HS256";
/// Cheap hashes: what is tested here is not their strength.
pub(crate) const CHEAP: [&str; 6] = ["--secret-key", KEY, "--argon2-memory-kib", "64", "--argon2-iterations", "1"];

pub(crate) struct Fixture {
    pub(crate) accounts: Accounts,
    pub(crate) db: Database,
    pub(crate) test: TestDatabase,
}

impl Fixture {
    pub(crate) async fn new() -> Self {
        let test = TestDatabase::new().await;
        let db = Database::new(&test.settings(), "test").expect("settings");
        let accounts = Self::another(&test, &db, &CHEAP);
        Self { accounts, db, test }
    }

    /// The accounts as another process would have them.
    pub(crate) fn another(test: &TestDatabase, db: &Database, flags: &[&str]) -> Accounts {
        Accounts::start(db.clone(), &test.settings(), &testkit::settings(flags), "test").expect("settings")
    }

    pub(crate) async fn sign_up(&self, email: &str, password: &str) -> i64 {
        self.accounts.sign_up(Signups::none(), email.into(), password.into(), None).await.expect("signs up").id
    }

    pub(crate) async fn token(&self, email: &str, password: &str) -> String {
        self.accounts.login(Guard::none(), email, password.into()).await.expect("logs in").access_token
    }

    pub(crate) async fn refused(&self, token: &str) -> Problem {
        self.accounts.authenticate(token).await.expect_err("refused").into()
    }

    pub(crate) async fn change(&self, id: i64, change: UserChange) {
        let changed = self.db.write(move |mut tx| async move { users::update(&mut tx, id, &change).await });
        changed.await.expect("changes").expect("exists");
    }
}

pub(crate) fn settings() -> AuthSettings {
    testkit::settings(&CHEAP)
}

pub(crate) fn good_claims() -> Value {
    let token = Tokens::new(&settings()).expect("a key").issue(1, 0, "user", None, &[]).expect("issues");
    let claims = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(claims).expect("base64")).expect("JSON")
}

pub(crate) fn sign(algorithm: Algorithm, claims: &Value, key: &str) -> String {
    jsonwebtoken::encode(&Header::new(algorithm), claims, &EncodingKey::from_secret(key.as_bytes())).expect("signs")
}
