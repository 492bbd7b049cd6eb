//! Replicas of the service that limit together, and people who log in at them.

use std::sync::atomic::{AtomicU16, Ordering};

use futures_util::future::join_all;
use http::Method;
use platform::Limiter;
use platform::settings::HttpSettings;
use serde_json::json;
use testkit::{Answer, Client, KEY, TestDatabase, TestRedis, TestServer};

use crate::world::{LOGIN, PASSWORD, serve_limited};

pub const SIGNUP: &str = "/api/v1/auth/signup";

/// Replicas of the service that limit together.
pub struct Limited {
    pub replicas: Vec<TestServer>,
    pub database: TestDatabase,
    _redis: TestRedis,
}

impl Limited {
    pub async fn new(replicas: usize) -> Self {
        Self::with(replicas, &[]).await
    }

    /// With flags of the identity settings.
    pub async fn with(replicas: usize, flags: &[&str]) -> Self {
        let (database, redis) = (TestDatabase::new().await, TestRedis::new());
        let auth = testkit::settings(&[&["--secret-key", KEY], flags].concat());
        let flags = ["--trusted-proxies", "127.0.0.1"];
        let http: HttpSettings = testkit::settings(&flags);
        let limiter = || Limiter::new(&http, &redis.settings(), &auth).expect("the settings are good");
        let replicas = (0..replicas).map(|_| serve_limited(&database, limiter(), &flags)).collect();
        let world = Self { replicas, database, _redis: redis };
        world.warm_up().await;
        world
    }

    /// Has all connections to Postgres opened: on a busy machine that may take longer than a request waits, and a test
    /// that counts answers would see it.
    async fn warm_up(&self) {
        let login = async |n: usize| self.try_login_afresh(n, "user@example.com", "user").await;
        while of(&join_all((0..16).map(login)).await, 200) < 16 {}
    }

    pub fn client(&self, n: usize) -> Client {
        self.replicas[n % self.replicas.len()].client()
    }

    pub async fn account(&self, name: &str) -> String {
        let email = format!("{name}@example.com");
        self.client(0).post(SIGNUP, &json!({"email": email, "password": PASSWORD})).await.expect(200);
        email
    }

    pub async fn try_login(&self, n: usize, email: &str, password: &str) -> Answer {
        self.login_from("192.0.2.9", n, email, password).await
    }

    pub async fn sign_up_from(&self, address: &str, n: usize, email: &str) -> Answer {
        let request = self.client(n).request(Method::POST, SIGNUP).header("x-forwarded-for", address);
        self.client(n).send(request.json(&json!({"email": email, "password": PASSWORD}))).await
    }

    /// From an address nobody has used before.
    pub async fn try_login_afresh(&self, n: usize, email: &str, password: &str) -> Answer {
        static TRIED: AtomicU16 = AtomicU16::new(0);
        let [high, low] = TRIED.fetch_add(1, Ordering::Relaxed).to_be_bytes();
        self.login_from(&format!("10.0.{high}.{low}"), n, email, password).await
    }

    pub async fn login_from(&self, address: &str, n: usize, email: &str, password: &str) -> Answer {
        let client = self.client(n);
        let request = client.request(Method::POST, LOGIN).header("x-forwarded-for", address);
        client.send(request.form(&[("username", email), ("password", password)])).await
    }
}

/// How many answers have a status.
pub fn of(answers: &[Answer], status: u16) -> usize {
    answers.iter().filter(|answer| answer.status.as_u16() == status).count()
}
