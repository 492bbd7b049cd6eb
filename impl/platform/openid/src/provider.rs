//! One provider: where users are sent, and who comes back.

use std::borrow::Cow;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use openidconnect::core::{
    CoreAuthenticationFlow, CoreClient, CoreClientAuthMethod, CoreErrorResponseType, CoreIdToken, CoreIdTokenClaims,
    CoreIdTokenVerifier, CoreJwsSigningAlgorithm, CoreRequestTokenError, CoreTokenResponse, CoreUserInfoClaims,
};
use openidconnect::{
    AccessToken, AuthType, AuthorizationCode, ClaimsVerificationError, ClientId, ClientSecret, CsrfToken,
    EndpointMaybeSet, EndpointNotSet, EndpointSet, IssuerUrl, Nonce, OAuth2TokenResponse as _, PkceCodeChallenge,
    PkceCodeVerifier, RedirectUrl, RequestTokenError, Scope, SignatureVerificationError, TokenResponse as _,
};
use platform_settings::{InvalidSettings, OpenIdProvider, Secret};
use secrecy::ExposeSecret as _;
use sha2::{Digest as _, Sha256};
use tokio::sync::Semaphore;

use crate::client::{Client, Failure};
use crate::identity::Identity;
use crate::metadata::{Cache, Known, Metadata};
use crate::targets::is_issuer;

/// Codes that are exchanged at a time; others are told to try again.
const MAX_EXCHANGES: usize = 32;
/// Random bytes of a state.
const STATE_BYTES: u32 = 32;
/// What ID tokens may be signed with: nothing that needs no key, or one that others have (RFC 8725, 3.1).
const ALGORITHMS: [CoreJwsSigningAlgorithm; 9] = [
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha256,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha384,
    CoreJwsSigningAlgorithm::RsaSsaPkcs1V15Sha512,
    CoreJwsSigningAlgorithm::RsaSsaPssSha256,
    CoreJwsSigningAlgorithm::RsaSsaPssSha384,
    CoreJwsSigningAlgorithm::RsaSsaPssSha512,
    CoreJwsSigningAlgorithm::EcdsaP256Sha256,
    CoreJwsSigningAlgorithm::EcdsaP384Sha384,
    CoreJwsSigningAlgorithm::EdDsa,
];

/// A client of the library that knows the endpoints of Discovery.
type Configured =
    CoreClient<EndpointSet, EndpointNotSet, EndpointNotSet, EndpointNotSet, EndpointMaybeSet, EndpointMaybeSet>;

/// Why there is no identity. Nothing of it is sent to clients.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// By the code, or by what it was exchanged for: a new sign-in may succeed, a repetition does not.
    Rejected(String),
    /// The provider does not work, or not with our settings: it may later.
    Unavailable(String),
}

/// What the client that begins an authorization gets to know.
#[derive(Debug)]
pub(crate) struct Begun {
    pub(crate) url: String,
    pub(crate) state: CsrfToken,
    pub(crate) code_verifier: PkceCodeVerifier,
}

#[derive(Debug)]
pub(crate) struct Provider {
    pub(crate) name: String,
    pub(crate) cache: Cache,
    client_id: ClientId,
    client_secret: Secret,
    scopes: Vec<Scope>,
    exchanges: Semaphore,
}

impl Provider {
    /// # Errors
    /// When the issuer is no issuer identifier.
    pub(crate) fn new(settings: OpenIdProvider) -> Result<Self, InvalidSettings> {
        let OpenIdProvider { name, issuer, client_id, client_secret, scopes } = settings;
        let issuer = Some(issuer).filter(|issuer| is_issuer(issuer)).and_then(|issuer| IssuerUrl::new(issuer).ok());
        let issuer = issuer.ok_or_else(|| {
            InvalidSettings(format!("the issuer of the OpenID provider {name} is no https URL (http on this machine)"))
        })?;
        Ok(Self {
            name,
            cache: Cache::new(issuer),
            client_id: ClientId::new(client_id),
            client_secret,
            scopes: scopes.into_iter().map(Scope::new).collect(),
            exchanges: Semaphore::new(MAX_EXCHANGES),
        })
    }

    fn configured(&self, metadata: &Metadata) -> Configured {
        let secret = ClientSecret::new(self.client_secret.current().expose_secret().to_owned());
        // Basic is what a provider has that says nothing (Discovery, 3).
        let methods = metadata.token_endpoint_auth_methods_supported();
        let has = |method| methods.is_none_or(|methods| methods.contains(&method));
        let is_basic = has(CoreClientAuthMethod::ClientSecretBasic) || !has(CoreClientAuthMethod::ClientSecretPost);
        let client = CoreClient::from_provider_metadata(metadata.clone(), self.client_id.clone(), Some(secret));
        client.set_auth_type(if is_basic { AuthType::BasicAuth } else { AuthType::RequestBody })
    }

    /// Where the user is to be sent.
    pub(crate) fn begin(&self, known: &Known, redirect_uri: RedirectUrl) -> Begun {
        let client = self.configured(&known.metadata);
        let (challenge, code_verifier) = PkceCodeChallenge::new_random_sha256();
        let nonce = nonce_of(code_verifier.secret());
        let flow = CoreAuthenticationFlow::AuthorizationCode;
        let request = client.authorize_url(flow, || CsrfToken::new_random_len(STATE_BYTES), move || nonce);
        let request = request.add_scopes(self.scopes.iter().cloned()).set_pkce_challenge(challenge);
        let (url, state, _) = request.set_redirect_uri(Cow::Owned(redirect_uri)).url();
        Begun { url: url.into(), state, code_verifier }
    }

    /// Whether `iss` of an authorization response is as it has to be (RFC 9207, 2.4).
    pub(crate) fn is_issuer(&self, known: &Known, iss: Option<&str>) -> bool {
        match iss {
            Some(iss) => iss == self.cache.issuer.as_str(),
            None => !known.metadata.additional_metadata().authorization_response_iss_parameter_supported,
        }
    }

    /// Exchanges a code for the identity of the user who got it.
    pub(crate) async fn exchange(
        &self,
        http: &Client,
        known: Known,
        code: String,
        code_verifier: String,
        redirect_uri: RedirectUrl,
    ) -> Result<Identity, Refusal> {
        let too_many = |_| Refusal::Unavailable("too many codes are being exchanged".to_owned());
        let _permit = self.exchanges.try_acquire().map_err(too_many)?;
        let client = self.configured(&known.metadata);
        let nonce = nonce_of(&code_verifier);
        let exchange = client.exchange_code(AuthorizationCode::new(code)).map_err(unavailable)?;
        let exchange = exchange.set_pkce_verifier(PkceCodeVerifier::new(code_verifier));
        let response = exchange.set_redirect_uri(Cow::Owned(redirect_uri)).request_async(http).await;
        let response: CoreTokenResponse = response.map_err(of_token_endpoint)?;
        let token = response.id_token().ok_or_else(|| Refusal::Rejected("there is no ID token".to_owned()))?;
        let claims = match self.verified(&client, token, &nonce) {
            Err(ClaimsVerificationError::SignatureVerification(SignatureVerificationError::NoMatchingKey)) => {
                let newer = self.cache.get(http, Some(&known)).await.map_err(Refusal::Unavailable)?;
                self.verified(&self.configured(&newer.metadata), token, &nonce)
            }
            verified => verified,
        };
        let claims = claims.map_err(|error| Refusal::Rejected(in_words(&error)))?;
        let rejected = |why: &str| Refusal::Rejected(why.to_owned());
        // OpenID Connect Core, 3.1.3.7, 5.
        if claims.authorized_party().is_some_and(|party| *party != self.client_id) {
            return Err(rejected("the ID token was issued to another client"));
        }
        let mut identity = Identity::of_id_token(claims).ok_or_else(|| rejected("the subject is none"))?;
        // Where e-mails are when an access token comes with the ID token (Core, 5.4).
        if identity.email.is_none() && client.user_info_url().is_some() {
            identity.add(&self.user_info(http, &client, response.access_token(), claims).await?);
        }
        Ok(identity)
    }

    fn verified<'t>(
        &self,
        client: &Configured,
        token: &'t CoreIdToken,
        nonce: &Nonce,
    ) -> Result<&'t CoreIdTokenClaims, ClaimsVerificationError> {
        let verifier: CoreIdTokenVerifier<'_> = client.id_token_verifier().set_allowed_algs(ALGORITHMS);
        token.claims(&verifier, nonce)
    }

    async fn user_info(
        &self,
        http: &Client,
        client: &Configured,
        access_token: &AccessToken,
        claims: &CoreIdTokenClaims,
    ) -> Result<CoreUserInfoClaims, Refusal> {
        let subject = Some(claims.subject().clone());
        let request = client.user_info(access_token.clone(), subject).map_err(unavailable)?;
        // Its errors may have what was sent.
        request.request_async(http).await.map_err(|_| Refusal::Unavailable("the userinfo endpoint failed".to_owned()))
    }
}

/// The nonce of an authorization: a hash of what only its client has (OpenID Connect Core, 15.5.2), and another one than the code challenge, which
/// the user's browser sees.
fn nonce_of(code_verifier: &str) -> Nonce {
    let hash = Sha256::new().chain_update("nonce ").chain_update(code_verifier).finalize();
    Nonce::new(URL_SAFE_NO_PAD.encode(hash))
}

fn unavailable(error: impl std::fmt::Display) -> Refusal {
    Refusal::Unavailable(error.to_string())
}

fn of_token_endpoint(error: CoreRequestTokenError<Failure>) -> Refusal {
    match error {
        RequestTokenError::ServerResponse(response) => match response.error() {
            // A code that is unknown, used, expired or not for us.
            CoreErrorResponseType::InvalidGrant | CoreErrorResponseType::InvalidRequest => {
                Refusal::Rejected(format!("the token endpoint said {}", response.error().as_ref()))
            }
            CoreErrorResponseType::InvalidClient | CoreErrorResponseType::UnauthorizedClient => {
                Refusal::Unavailable("the provider rejects client id and secret".to_owned())
            }
            _ => Refusal::Unavailable("the token endpoint returned an error".to_owned()),
        },
        RequestTokenError::Request(failure) => Refusal::Unavailable(failure.to_string()),
        // Both may have what it sent.
        RequestTokenError::Parse(error, _) => {
            Refusal::Unavailable(format!("the token response is not valid at {}", error.path()))
        }
        RequestTokenError::Other(_) => {
            Refusal::Unavailable("the token response is empty or of another type".to_owned())
        }
    }
}

/// The kind of the error: its text has values of the token.
fn in_words(error: &ClaimsVerificationError) -> String {
    let kind = match error {
        ClaimsVerificationError::Expired(_) => "expired",
        ClaimsVerificationError::InvalidAudience(_) => "of another audience",
        ClaimsVerificationError::InvalidIssuer(_) => "of another issuer",
        ClaimsVerificationError::InvalidNonce(_) => "of another nonce",
        ClaimsVerificationError::InvalidSubject(_) => "of another subject",
        ClaimsVerificationError::SignatureVerification(error) => match error {
            SignatureVerificationError::NoSignature => "not signed",
            SignatureVerificationError::NoMatchingKey => "signed with an unknown key",
            SignatureVerificationError::DisallowedAlg(_) => "signed with a disallowed algorithm",
            _ => "not signed by its issuer",
        },
        _ => "not valid",
    };
    format!("the ID token is {kind}")
}
