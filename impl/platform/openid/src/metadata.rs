//! What a provider says of itself (OpenID Connect Discovery 1.0), and its keys: fetched when they are needed, and remembered.

use std::sync::Arc;
use std::time::Duration;

use openidconnect::core::{
    CoreAuthDisplay, CoreClaimName, CoreClaimType, CoreClientAuthMethod, CoreGrantType, CoreJsonWebKey,
    CoreJweContentEncryptionAlgorithm, CoreJweKeyManagementAlgorithm, CoreResponseMode, CoreResponseType,
    CoreSubjectIdentifierType,
};
use openidconnect::{AdditionalProviderMetadata, DiscoveryError, IssuerUrl, ProviderMetadata};
use serde::{Deserialize, Serialize};
use tokio::sync::Mutex;
use tokio::time::{Instant, timeout};

use crate::client::Client;
use crate::targets::is_secure;

/// A key that a provider has removed is not accepted for longer than this.
const MAX_AGE: Duration = Duration::from_secs(3_600);
/// Keys that were fetched are not fetched again earlier, whatever key an ID token names.
const MIN_AGE: Duration = Duration::from_secs(60);
/// Of metadata and keys together.
const FETCH_TIMEOUT: Duration = Duration::from_secs(5);
/// Seconds after a failure in which no request waits for the provider again.
pub(crate) const RETRY_AFTER_SECONDS: u32 = 5;

/// Metadata in addition to those of Discovery.
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Additional {
    /// Whether every authorization response has `iss` (RFC 9207, 3).
    #[serde(default)]
    pub(crate) authorization_response_iss_parameter_supported: bool,
}

impl AdditionalProviderMetadata for Additional {}

pub(crate) type Metadata = ProviderMetadata<
    Additional,
    CoreAuthDisplay,
    CoreClientAuthMethod,
    CoreClaimName,
    CoreClaimType,
    CoreGrantType,
    CoreJweContentEncryptionAlgorithm,
    CoreJweKeyManagementAlgorithm,
    CoreJsonWebKey,
    CoreResponseMode,
    CoreResponseType,
    CoreSubjectIdentifierType,
>;

/// Metadata, and when they were fetched.
#[derive(Debug, Clone)]
pub(crate) struct Known {
    pub(crate) metadata: Arc<Metadata>,
    at: Instant,
}

#[derive(Debug, Default)]
struct State {
    known: Option<Known>,
    failed: Option<Instant>,
}

/// The metadata of one provider. One request fetches them, and others wait for it.
#[derive(Debug)]
pub(crate) struct Cache {
    pub(crate) issuer: IssuerUrl,
    state: Mutex<State>,
}

impl Cache {
    pub(crate) fn new(issuer: IssuerUrl) -> Self {
        Self { issuer, state: Mutex::default() }
    }

    /// Metadata and keys; others than `without`, in which a key was not found, if there may be others by now.
    ///
    /// # Errors
    /// Why they cannot be had.
    pub(crate) async fn get(&self, client: &Client, without: Option<&Known>) -> Result<Known, String> {
        let mut state = self.state.lock().await;
        let is_wanted = |known: &&Known| match without {
            Some(old) => known.at > old.at || known.at.elapsed() < MIN_AGE,
            None => known.at.elapsed() < MAX_AGE,
        };
        if let Some(known) = state.known.as_ref().filter(is_wanted) {
            return Ok(known.clone());
        }
        let pause = Duration::from_secs(RETRY_AFTER_SECONDS.into());
        if state.failed.is_some_and(|failed| failed.elapsed() < pause) {
            return Err("it failed a moment ago".to_owned());
        }
        let fetched = timeout(FETCH_TIMEOUT, self.fetch(client)).await;
        let fetched = fetched.unwrap_or_else(|_| Err("no metadata and keys in time".to_owned()));
        state.failed = fetched.is_err().then(Instant::now);
        let known = Known { metadata: Arc::new(fetched?), at: Instant::now() };
        state.known = Some(known.clone());
        Ok(known)
    }

    async fn fetch(&self, client: &Client) -> Result<Metadata, String> {
        let metadata = Metadata::discover_async(self.issuer.clone(), client).await.map_err(|error| match error {
            // What it sent is not repeated.
            DiscoveryError::Request(failure) => failure.to_string(),
            DiscoveryError::Response(status, ..) => format!("metadata or keys: status {status}, or no JSON"),
            DiscoveryError::Parse(error) => format!("metadata or keys are not valid at {}", error.path()),
            error => error.to_string(),
        })?;
        match metadata.token_endpoint() {
            Some(endpoint) if is_secure(endpoint.url()) && is_secure(metadata.authorization_endpoint().url()) => {
                Ok(metadata)
            }
            _ => Err("an endpoint is missing, or neither https nor on this machine".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use axum::Router;
    use axum::extract::State;
    use axum::routing::get;
    use futures_util::future::join_all;
    use serde_json::{Value, json};
    use tokio::net::TcpListener;
    use tokio::time;

    use super::*;

    /// What a provider returns for its metadata, and how often that was asked for.
    type Said = Arc<Mutex<(String, usize)>>;

    struct Provider {
        issuer: String,
        said: Said,
        cache: Cache,
        client: Client,
    }

    impl Provider {
        async fn start() -> Self {
            let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
            let issuer = format!("http://{}", listener.local_addr().expect("an address"));
            let said = Said::default();
            let json = |body: String| ([("content-type", "application/json")], body);
            let metadata = async move |State(said): State<Said>| {
                let mut said = said.lock().expect("nobody panicked");
                said.1 += 1;
                json(said.0.clone())
            };
            let keys = async move || json(json!({"keys": []}).to_string());
            let router =
                Router::new().route("/.well-known/openid-configuration", get(metadata)).route("/jwks", get(keys));
            let router = router.with_state(Arc::clone(&said));
            tokio::spawn(async move { axum::serve(listener, router).await });
            let cache = Cache::new(IssuerUrl::new(issuer.clone()).expect("a URL"));
            Self { issuer, said, cache, client: Client::new().expect("there are authorities") }
        }

        fn say(&self, change: impl FnOnce(&mut Value)) {
            let issuer = &self.issuer;
            let mut metadata = json!({
                "issuer": issuer,
                "authorization_endpoint": format!("{issuer}/authorize"),
                "token_endpoint": format!("{issuer}/token"),
                "jwks_uri": format!("{issuer}/jwks"),
                "response_types_supported": ["code"],
                "subject_types_supported": ["public"],
                "id_token_signing_alg_values_supported": ["RS256", "of the future"],
            });
            change(&mut metadata);
            self.said.lock().expect("nobody panicked").0 = metadata.to_string();
        }

        fn asked(&self) -> usize {
            self.said.lock().expect("nobody panicked").1
        }

        async fn get(&self, without: Option<&Known>) -> Result<Known, String> {
            self.cache.get(&self.client, without).await
        }
    }

    async fn pass(seconds: u64) {
        time::pause();
        time::advance(Duration::from_secs(seconds)).await;
        time::resume();
    }

    #[tokio::test]
    async fn they_are_fetched_when_they_are_old_or_a_key_is_missing() {
        let provider = Provider::start().await;
        provider.say(|_| ());
        let all = join_all((0..8).map(|_| provider.get(None))).await;
        let first = all.into_iter().collect::<Result<Vec<_>, _>>().expect("metadata").remove(0);
        assert_eq!(provider.asked(), 1, "one request fetches them for all");
        provider.get(Some(&first)).await.expect("those of a moment ago");
        assert_eq!(provider.asked(), 1);
        pass(61).await;
        provider.get(None).await.expect("metadata");
        assert_eq!(provider.asked(), 1);
        for _ in 0..3 {
            let newer = provider.get(Some(&first)).await.expect("metadata");
            assert!(newer.at > first.at);
        }
        assert_eq!(provider.asked(), 2, "once for a key that is missing");
        pass(3_601).await;
        provider.get(None).await.expect("metadata");
        assert_eq!(provider.asked(), 3, "keys that the provider removed are forgotten");
    }

    #[tokio::test]
    async fn a_provider_that_failed_is_left_alone_for_a_moment() {
        let provider = Provider::start().await;
        assert!(provider.get(None).await.is_err(), "it says nothing");
        provider.say(|_| ());
        for _ in 0..3 {
            assert!(provider.get(None).await.is_err());
        }
        assert_eq!(provider.asked(), 1);
        pass(u64::from(RETRY_AFTER_SECONDS) + 1).await;
        provider.get(None).await.expect("metadata");
    }

    #[tokio::test]
    async fn metadata_that_lead_elsewhere_are_not_taken() {
        let provider = Provider::start().await;
        let wrong: [(&str, Value); 6] = [
            ("issuer", json!("https://id.example")),
            ("token_endpoint", json!(null)),
            ("token_endpoint", json!("http://id.example/token")),
            ("authorization_endpoint", json!("http://id.example/authorize")),
            ("jwks_uri", json!("http://id.example/jwks")),
            ("service_documentation", json!("a".repeat(300_000))),
        ];
        for (name, value) in wrong {
            provider.say(|metadata| metadata[name] = value);
            pass(u64::from(RETRY_AFTER_SECONDS) + 1).await;
            let asked = provider.asked();
            let error = provider.get(None).await.expect_err(name);
            assert!(provider.asked() > asked && error.len() < 200, "{name}: {error}");
        }
    }
}
