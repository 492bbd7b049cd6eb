//! What users have at hand: an app that makes one-time codes.

use std::time::{SystemTime, UNIX_EPOCH};

use serde_json::{Value, json};
use testkit::Client;
use totp_rs::{Builder, Secret, Totp};

pub const FACTORS: &str = "/api/v1/auth/second-factor";
pub const TOTP: &str = "/api/v1/auth/second-factor/totp";
pub const CONFIRM: &str = "/api/v1/auth/second-factor/totp/confirm";
pub const RECOVERY_CODES: &str = "/api/v1/auth/second-factor/recovery-codes";

/// An app that makes one-time codes.
pub struct App(Totp);

impl App {
    /// With a new secret of a user, and the URL that has it as well.
    pub async fn begin(user: &Client, password: &str) -> (Self, String) {
        let body = user.post(TOTP, &json!({"current_password": password})).await.expect(201);
        let (secret, url) = (body["secret"].as_str().expect("a secret"), body["otpauth_url"].as_str().expect("a URL"));
        assert!(url.contains(secret), "{url}");
        let secret = Secret::try_from_base32(secret).expect("Base32");
        (Self(Builder::new().with_secret(secret).build().expect("a secret")), url.to_owned())
    }

    /// With a secret that its user has confirmed, and the recovery codes.
    pub async fn enrol(user: &Client, password: &str) -> (Self, Vec<String>) {
        let (app, _) = Self::begin(user, password).await;
        let body = user.post(CONFIRM, &json!({"code": app.code(0)})).await.expect(200);
        let codes = body["recovery_codes"].as_array().into_iter().flatten().filter_map(Value::as_str);
        (app, codes.map(str::to_owned).collect())
    }

    /// The code of the present time step, or of one so many steps later.
    pub fn code(&self, later: i64) -> String {
        let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
        self.0.generate(now.saturating_add_signed(30 * later)).to_string()
    }
}
