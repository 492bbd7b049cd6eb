//! Sign-in by OpenID Connect (Core 1.0): the authorization code flow with PKCE, as a confidential client of the providers in the settings.
//!
//! A frontend begins an authorization, sends its user to the provider, and brings back what the provider sent it. The code verifier (RFC 7636) is
//! with the frontend meanwhile, so that only the client that began an authorization can complete it: nobody can be made to sign in as somebody else
//! (RFC 9700, 4.7).

mod authorizations;
mod client;
mod identity;
mod links;
mod metadata;
mod metrics;
mod provider;
mod relying_party;
mod targets;

pub use links::LinkedIdentity;
pub use relying_party::{Authorization, Callback, OpenId};
