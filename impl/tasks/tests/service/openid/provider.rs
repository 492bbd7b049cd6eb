//! An OpenID provider that does what it is told: it is as strict as a real one (openapi/client-tests/openid has one), and can lie.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use axum::extract::State;
use axum::response::{IntoResponse, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use http::{HeaderMap, StatusCode};
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use platform::settings::{OpenIdProvider, OpenIdSettings};
use rcgen::KeyPair;
use reqwest::Url;
use serde_json::{Value, json};
use sha2::{Digest as _, Sha256};
use testkit::{Answer, Client};
use tokio::net::TcpListener;
use tokio::task::JoinHandle;

pub const CALLBACK: &str = "https://app.example/callback";
const CLIENT_ID: &str = "the tasks & co";
const CLIENT_SECRET: &str = "a secret: with % and +";
/// Longer than anybody waits for a response.
const FOR_EVER: Duration = Duration::from_secs(60);
/// More than anybody reads of one.
const HUGE: usize = 3 << 20;

/// What the token endpoint does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Conduct {
    Honest,
    // An ID token that is not valid, or none.
    WrongKey,
    UnknownKey,
    NoSignature,
    SignedWithSecret,
    OtherAudience,
    MoreAudiences,
    OtherParty,
    OtherIssuer,
    OtherNonce,
    NoNonce,
    Expired,
    NoIdToken,
    NoSubject,
    LongSubject,
    // A response that is not usable.
    Garbage,
    Huge,
    Silent,
    Broken,
    Elsewhere,
    RejectsClient,
}

/// An authorization that its user agreed to.
struct Agreed {
    redirect_uri: String,
    code_challenge: String,
    nonce: String,
    claims: Value,
}

struct Inner {
    issuer: String,
    key: KeyPair,
    other: KeyPair,
    conduct: Mutex<Conduct>,
    codes: Mutex<HashMap<String, Agreed>>,
    /// How often metadata were read.
    discoveries: Mutex<usize>,
}

/// Serves until it is dropped.
pub struct Provider {
    inner: Arc<Inner>,
    served: JoinHandle<()>,
}

impl Drop for Provider {
    fn drop(&mut self) {
        self.served.abort();
    }
}

fn locked<T>(state: &Mutex<T>) -> MutexGuard<'_, T> {
    state.lock().expect("nobody panicked")
}

impl Provider {
    pub async fn start() -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port is free");
        let issuer = format!("http://{}", listener.local_addr().expect("an address"));
        let key = || KeyPair::generate().expect("a key");
        let (conduct, codes) = (Mutex::new(Conduct::Honest), Mutex::default());
        let inner = Arc::new(Inner { issuer, key: key(), other: key(), conduct, codes, discoveries: Mutex::default() });
        let router = Router::new()
            .route("/.well-known/openid-configuration", get(metadata))
            .route("/jwks", get(keys))
            .route("/token", post(token))
            .with_state(Arc::clone(&inner));
        let served = tokio::spawn(async move { axum::serve(listener, router).await.expect("it serves") });
        Self { inner, served }
    }

    /// Settings with this provider, under each of these names.
    pub fn settings(&self, names: &[&str]) -> OpenIdSettings {
        let provider = |name: &&str| OpenIdProvider {
            name: (*name).to_owned(),
            issuer: self.inner.issuer.clone(),
            client_id: CLIENT_ID.to_owned(),
            client_secret: CLIENT_SECRET.into(),
            scopes: vec!["email".to_owned()],
        };
        let providers = names.iter().map(provider).collect();
        OpenIdSettings::with(providers, vec![CALLBACK.to_owned(), "com.example.app:/callback".to_owned()], true)
    }

    pub fn issuer(&self) -> &str {
        &self.inner.issuer
    }

    pub fn conduct(&self, conduct: Conduct) {
        *locked(&self.inner.conduct) = conduct;
    }

    pub fn discoveries(&self) -> usize {
        *locked(&self.inner.discoveries)
    }

    /// The user signs in and agrees; returns the code that is sent to the callback.
    pub fn agree(&self, authorization_url: &str, claims: Value) -> String {
        let url = Url::parse(authorization_url).expect("a URL");
        assert!(authorization_url.starts_with(&format!("{}/authorize?", self.inner.issuer)), "{url}");
        let query: HashMap<String, String> = url.query_pairs().into_owned().collect();
        let of = |name: &str| query.get(name).cloned().unwrap_or_else(|| panic!("{url} has no {name}"));
        assert_eq!((of("response_type").as_str(), of("client_id").as_str()), ("code", CLIENT_ID));
        assert_eq!((of("scope").as_str(), of("code_challenge_method").as_str()), ("openid email", "S256"));
        let code = format!("{:032x}", rand::random::<u128>());
        let (redirect_uri, code_challenge, nonce) = (of("redirect_uri"), of("code_challenge"), of("nonce"));
        locked(&self.inner.codes).insert(code.clone(), Agreed { redirect_uri, code_challenge, nonce, claims });
        code
    }

    /// Begins an authorization, and returns the body of the request that completes it.
    pub async fn signed_in(&self, client: &Client, name: &str, claims: Value) -> Value {
        let begun = begin(client, name).await.expect(200);
        let code = self.agree(begun["authorization_url"].as_str().expect("a URL"), claims);
        json!({"code": code, "state": begun["state"], "code_verifier": begun["code_verifier"]})
    }
}

pub async fn begin(client: &Client, name: &str) -> Answer {
    let path = format!("/api/v1/auth/openid/providers/{name}/authorization");
    client.post(&path, &json!({"redirect_uri": CALLBACK})).await
}

/// What a provider says of a user who has this address.
pub fn claims(subject: &str, email: &str) -> Value {
    json!({"sub": subject, "email": email, "email_verified": true, "name": "Ada Lovelace"})
}

async fn metadata(State(inner): State<Arc<Inner>>) -> Response {
    *locked(&inner.discoveries) += 1;
    let issuer = &inner.issuer;
    Json(json!({
        "issuer": issuer,
        "authorization_endpoint": format!("{issuer}/authorize"),
        "token_endpoint": format!("{issuer}/token"),
        "jwks_uri": format!("{issuer}/jwks"),
        "response_types_supported": ["code"],
        "subject_types_supported": ["public"],
        // A provider that says it signs with nothing.
        "id_token_signing_alg_values_supported": ["ES256", "HS256", "none"],
    }))
    .into_response()
}

async fn keys(State(inner): State<Arc<Inner>>) -> Response {
    // The uncompressed point: 4, x, y.
    let (x, y) = inner.key.public_key_raw()[1..].split_at(32);
    let [x, y] = [x, y].map(|part| URL_SAFE_NO_PAD.encode(part));
    Json(json!({"keys": [{"kty": "EC", "crv": "P-256", "use": "sig", "alg": "ES256", "kid": "one", "x": x, "y": y}]}))
        .into_response()
}

async fn token(State(inner): State<Arc<Inner>>, headers: HeaderMap, form: String) -> Response {
    let conduct = *locked(&inner.conduct);
    match conduct {
        Conduct::Silent => tokio::time::sleep(FOR_EVER).await,
        Conduct::Broken => return (StatusCode::INTERNAL_SERVER_ERROR, "<h1>Oops</h1>").into_response(),
        Conduct::Garbage => return "access_token=1".into_response(),
        Conduct::Huge => return Json(json!({"access_token": "a".repeat(HUGE)})).into_response(),
        // Whoever follows would hand out the code, and its client's secret.
        Conduct::Elsewhere => return Redirect::temporary("/token?again").into_response(),
        Conduct::RejectsClient => return refused(StatusCode::UNAUTHORIZED, "invalid_client"),
        _ => {}
    }
    if headers.get("authorization").and_then(|basic| basic.to_str().ok()) != Some(&credentials()) {
        return refused(StatusCode::UNAUTHORIZED, "invalid_client");
    }
    let form = Url::parse(&format!("http://x?{form}")).expect("a form");
    let form: HashMap<String, String> = form.query_pairs().into_owned().collect();
    let given = |name: &str| form.get(name).cloned().unwrap_or_default();
    let challenge = URL_SAFE_NO_PAD.encode(Sha256::digest(given("code_verifier")));
    let agreed = locked(&inner.codes).remove(&given("code"));
    let agreed =
        agreed.filter(|agreed| agreed.code_challenge == challenge && agreed.redirect_uri == given("redirect_uri"));
    match agreed {
        Some(agreed) if given("grant_type") == "authorization_code" => respond(&inner, conduct, agreed),
        _ => refused(StatusCode::BAD_REQUEST, "invalid_grant"),
    }
}

/// As RFC 6749, 2.3.1 has it: each is encoded as in a form.
fn credentials() -> String {
    let mut url = Url::parse("http://x").expect("a URL");
    url.query_pairs_mut().append_key_only(CLIENT_ID).append_key_only(CLIENT_SECRET);
    let encoded = url.query().expect("both").replacen('&', ":", 1);
    format!("Basic {}", STANDARD.encode(encoded))
}

fn refused(status: StatusCode, error: &str) -> Response {
    (status, Json(json!({"error": error, "error_description": "a description that is not passed on"}))).into_response()
}

fn respond(inner: &Inner, conduct: Conduct, agreed: Agreed) -> Response {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs();
    let mut claims = agreed.claims;
    claims["iss"] = inner.issuer.clone().into();
    claims["aud"] = CLIENT_ID.into();
    claims["nonce"] = agreed.nonce.into();
    (claims["iat"], claims["exp"]) = (now.into(), (now + 300).into());
    match conduct {
        Conduct::OtherAudience => claims["aud"] = "another".into(),
        Conduct::MoreAudiences => claims["aud"] = json!([CLIENT_ID, "another"]),
        Conduct::OtherParty => claims["azp"] = "another".into(),
        Conduct::OtherIssuer => claims["iss"] = "https://id.example".into(),
        Conduct::OtherNonce => claims["nonce"] = "another".into(),
        Conduct::NoNonce => drop(claims.as_object_mut().expect("an object").remove("nonce")),
        Conduct::Expired => claims["exp"] = (now - 1).into(),
        Conduct::NoSubject => claims["sub"] = "".into(),
        Conduct::LongSubject => claims["sub"] = "a".repeat(256).into(),
        _ => {}
    }
    let mut response = json!({"access_token": "an access token", "token_type": "Bearer", "expires_in": 300});
    if conduct != Conduct::NoIdToken {
        response["id_token"] = signed(inner, conduct, &claims).into();
    }
    Json(response).into_response()
}

fn signed(inner: &Inner, conduct: Conduct, claims: &Value) -> String {
    let kid = if conduct == Conduct::UnknownKey { "two" } else { "one" };
    let header = |algorithm| Header { kid: Some(kid.to_owned()), ..Header::new(algorithm) };
    let signing = |key: &KeyPair| {
        encode(&header(Algorithm::ES256), claims, &EncodingKey::from_ec_der(&key.serialize_der())).expect("it signs")
    };
    match conduct {
        Conduct::WrongKey | Conduct::UnknownKey => signing(&inner.other),
        Conduct::SignedWithSecret => {
            let key = EncodingKey::from_secret(CLIENT_SECRET.as_bytes());
            encode(&header(Algorithm::HS256), claims, &key).expect("it signs")
        }
        Conduct::NoSignature => {
            let [header, claims] =
                [json!({"alg": "none"}), claims.clone()].map(|part| URL_SAFE_NO_PAD.encode(part.to_string()));
            format!("{header}.{claims}.")
        }
        _ => signing(&inner.key),
    }
}
