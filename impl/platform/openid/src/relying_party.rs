//! Sign-in by the providers of the settings.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use contract::{Problem, StorageQuota};
use http::StatusCode;
use openidconnect::RedirectUrl;
use platform_accounts::identity::{AccessToken, Accounts, Principal};
use platform_rate_limits::Signups;
use platform_settings::{InvalidSettings, OpenIdSettings};
use platform_store::{Database, Result};
use platform_telemetry::Metrics;
use tokio::time::{Instant, timeout_at};
use uuid::Uuid;

use crate::authorizations::{Authorizations, Key, LIFETIME};
use crate::client::Client;
use crate::identity::Identity;
use crate::links::{LinkedIdentity, Links};
use crate::metadata::{Known, RETRY_AFTER_SECONDS};
use crate::metrics::Failures;
use crate::provider::{Provider, Refusal};
use crate::targets::is_redirect_uri;

/// What a request waits for a provider, all in all; shorter than the deadline of a request, so that a slow provider is told from a slow server.
const PROVIDER_TIMEOUT: Duration = Duration::from_secs(8);

/// An authorization that was begun. Its secrets are never printed.
#[derive(Clone)]
pub struct Authorization {
    /// Where the user has to be sent.
    pub authorization_url: String,
    /// Comes back with the code; the client compares it.
    pub state: String,
    /// Stays with the client, which proves by it that it began the authorization (RFC 7636).
    pub code_verifier: String,
    /// How long the user has, in seconds.
    pub expires_in: i64,
}

impl fmt::Debug for Authorization {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Authorization").field("expires_in", &self.expires_in).finish_non_exhaustive()
    }
}

/// What a client has when its user came back. Its secrets are never printed.
#[derive(Clone)]
pub struct Callback {
    /// From the provider.
    pub code: String,
    /// Of the authorization, from the provider.
    pub state: String,
    /// Of the authorization.
    pub code_verifier: String,
    /// From the provider, if it sends one (RFC 9207).
    pub iss: Option<String>,
}

impl fmt::Debug for Callback {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Callback").field("iss", &self.iss).finish_non_exhaustive()
    }
}

/// The providers, and this server as a client of them. Clones share the state.
#[derive(Debug, Clone)]
pub struct OpenId(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    providers: Vec<Provider>,
    redirect_uris: Vec<String>,
    signup: bool,
    authorizations: Authorizations,
    links: Links,
    /// None where there is no provider.
    client: Option<Client>,
    failures: Failures,
}

impl OpenId {
    /// With the providers of the settings. Nothing is fetched from them before it is needed.
    ///
    /// # Errors
    /// When a setting is missing or invalid, or the system has no certificate authorities.
    pub fn new(settings: &OpenIdSettings, db: Database) -> Result<Self, InvalidSettings> {
        let providers = settings.providers()?.into_iter().map(Provider::new).collect::<Result<Vec<_>, _>>()?;
        if let Some(wrong) = settings.redirect_uris.iter().find(|uri| !is_redirect_uri(uri)) {
            return Err(InvalidSettings(format!(
                "OIDC_REDIRECT_URIS: {wrong:?} is neither https nor http on this machine nor of an app's scheme, or has a fragment"
            )));
        }
        let client = (!providers.is_empty()).then(Client::new).transpose();
        let client = client.map_err(|error| InvalidSettings(format!("requests to OpenID providers: {error}")))?;
        let (redirect_uris, signup) = (settings.redirect_uris.clone(), settings.signup);
        let (authorizations, links, failures) = (Authorizations(db.clone()), Links(db), Failures::default());
        Ok(Self(Arc::new(Inner { providers, redirect_uris, signup, authorizations, links, client, failures })))
    }

    /// The names of the providers.
    pub fn providers(&self) -> impl Iterator<Item = &str> {
        self.0.providers.iter().map(|provider| provider.name.as_str())
    }

    /// The provider with this issuer identifier, if there still is one.
    pub fn provider_of(&self, issuer: &str) -> Option<&str> {
        let of_issuer = |provider: &&Provider| provider.cache.issuer.as_str() == issuer;
        self.0.providers.iter().find(of_issuer).map(|provider| provider.name.as_str())
    }

    /// Registers its metrics.
    pub fn register(&self, metrics: &Metrics) {
        self.0.failures.register(metrics);
    }

    /// Begins an authorization, for any client.
    ///
    /// # Errors
    /// 404 `openid_provider_not_found`, 422 `openid_redirect_uri_not_allowed`, 503 `openid_provider_unavailable`.
    pub async fn begin(&self, provider: &str, redirect_uri: String) -> Result<Authorization> {
        let (provider, client) = self.provider(provider)?;
        let allowed = self.0.redirect_uris.contains(&redirect_uri).then(|| redirect(&redirect_uri)).transpose()?;
        let to = allowed.ok_or_else(not_allowed)?;
        let known = self.known(provider, client, Instant::now() + PROVIDER_TIMEOUT).await?;
        let begun = provider.begin(&known, to);
        let (state, code_verifier) = (begun.state.into_secret(), begun.code_verifier.into_secret());
        self.0.authorizations.begin(&provider.name, redirect_uri, Key::of(&state, &code_verifier)).await?;
        let expires_in = LIFETIME.as_secs().cast_signed();
        Ok(Authorization { authorization_url: begun.url, state, code_verifier, expires_in })
    }

    /// Completes an authorization by a session of the user who has this identity; the first time it creates an account.
    ///
    /// # Errors
    /// 404 `openid_provider_not_found`; 400 `openid_state_invalid` when there is no authorization with this state and verifier,
    /// `openid_login_rejected` when the provider did not take the code, its ID token is not for us or the user is not active; 403
    /// `openid_email_unverified` and `openid_signup_disabled`, 409 `openid_email_taken`, 429 `too_many_signups` when there is no account yet; 503
    /// `openid_provider_unavailable`.
    pub async fn log_in(
        &self,
        accounts: &Accounts,
        signups: Signups<'_>,
        provider: &str,
        callback: Callback,
    ) -> Result<AccessToken> {
        accounts.must_issue_tokens()?;
        let identity = self.complete(provider, callback).await?;
        self.0.links.log_in(accounts, signups, identity, self.0.signup).await
    }

    /// Completes an authorization by linking its identity to the caller's account.
    ///
    /// # Errors
    /// Those of the authorization as for [`OpenId::log_in`]; 409 `openid_identity_taken` when it is linked to another account; that of the quota.
    pub async fn link(
        &self,
        caller: &Principal,
        quota: &'static StorageQuota,
        provider: &str,
        callback: Callback,
    ) -> Result<()> {
        let identity = self.complete(provider, callback).await?;
        self.0.links.link(caller, quota, identity).await
    }

    /// The identities of the caller, in the order in which they were linked.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn identities(&self, caller: &Principal) -> Result<Vec<LinkedIdentity>> {
        self.0.links.of(caller).await
    }

    /// Unlinks an identity of the caller's; whether there is one with this id.
    ///
    /// # Errors
    /// 409 `openid_identity_required` when the caller could not sign in any more.
    pub async fn unlink(&self, caller: &Principal, id: Uuid) -> Result<bool> {
        self.0.links.unlink(caller, id).await
    }

    /// Who the user is whom the provider sent back. While the provider is unavailable the authorization stays, so that the request can be repeated.
    async fn complete(&self, provider: &str, callback: Callback) -> Result<Identity> {
        let Callback { code, state, code_verifier, iss } = callback;
        let (provider, client) = self.provider(provider)?;
        let deadline = Instant::now() + PROVIDER_TIMEOUT;
        let known = self.known(provider, client, deadline).await?;
        let key = Key::of(&state, &code_verifier);
        let taken = self.0.authorizations.take(&provider.name, key.clone()).await?.ok_or_else(state_invalid)?;
        if !provider.is_issuer(&known, iss.as_deref()) {
            return Err(self
                .failed(provider, Refusal::Rejected("iss is of another issuer, or missing".to_owned()))
                .into());
        }
        let to = redirect(&taken.redirect_uri)?;
        let exchange = provider.exchange(client, known, code, code_verifier, to);
        let exchanged = timeout_at(deadline, exchange).await;
        let exchanged = exchanged.unwrap_or_else(|_| Err(Refusal::Unavailable("no response in time".to_owned())));
        match exchanged {
            Ok(identity) => Ok(identity),
            Err(refusal) => {
                if matches!(refusal, Refusal::Unavailable(_)) {
                    self.0.authorizations.put_back(&provider.name, key, taken).await;
                }
                Err(self.failed(provider, refusal).into())
            }
        }
    }

    fn provider(&self, name: &str) -> Result<(&Provider, &Client)> {
        let found = self.0.providers.iter().find(|provider| provider.name == name).zip(self.0.client.as_ref());
        let missing = || Problem::not_found("openid_provider_not_found", "OpenID provider not found.");
        Ok(found.ok_or_else(missing)?)
    }

    async fn known(&self, provider: &Provider, client: &Client, deadline: Instant) -> Result<Known> {
        let known = timeout_at(deadline, provider.cache.get(client, None)).await;
        let known = known.unwrap_or_else(|_| Err("no metadata in time".to_owned()));
        Ok(known.map_err(|why| self.failed(provider, Refusal::Unavailable(why)))?)
    }

    /// Logs and counts a failure, of which the client is told only whether to repeat the request.
    fn failed(&self, provider: &Provider, refusal: Refusal) -> Problem {
        match refusal {
            Refusal::Rejected(error) => {
                self.0.failures.count(&provider.name, "rejected");
                tracing::info!(provider = provider.name, error, "sign-in by OpenID provider rejected");
                let detail = "The provider did not accept the code, or its response is not valid; sign in again.";
                Problem::bad_request("openid_login_rejected", detail)
            }
            Refusal::Unavailable(error) => {
                self.0.failures.count(&provider.name, "unavailable");
                tracing::warn!(provider = provider.name, error, "OpenID provider unavailable");
                let detail = "The OpenID provider is unavailable; try again.";
                Problem::unavailable("openid_provider_unavailable", detail, RETRY_AFTER_SECONDS)
            }
        }
    }
}

fn redirect(uri: &str) -> Result<RedirectUrl> {
    Ok(RedirectUrl::new(uri.to_owned()).map_err(Problem::internal)?)
}

fn not_allowed() -> Problem {
    let detail = "The redirect URI is not one of those that the server allows.";
    Problem::new(StatusCode::UNPROCESSABLE_ENTITY, "openid_redirect_uri_not_allowed", detail)
}

fn state_invalid() -> Problem {
    let detail = "The authorization is unknown, expired or used, or was begun by another client; sign in again.";
    Problem::bad_request("openid_state_invalid", detail)
}
