//! Identity: one user base, the same keys; a token of one service is valid in all.

mod accounts;
mod addresses;
mod api_tokens;
mod authentication;
mod claims;
mod email_requests;
mod key_metrics;
mod keys;
pub(crate) mod leaving;
mod login;
mod models;
pub mod opaque_tokens;
mod passkeys;
mod password_policy;
mod passwords;
mod principal;
mod sessions;
mod text;
mod token_cache;
mod tokens;
pub mod users;

pub use accounts::{Accounts, Here};
pub use addresses::forget_old_addresses;
pub use api_tokens::ApiToken;
pub use authentication::Authentication;
pub use claims::{AUDIENCE, Claims, ISSUER};
pub use email_requests::EmailRequest;
pub use leaving::WHILE_LEAVING;
pub use login::AccessToken;
pub use passwords::{HashedPassword, Passwords, Verdict};
pub use principal::{Principal, still_welcome};
pub use sessions::Session;
pub use text::{email_key, prepared_password};
pub use tokens::{AcceptedKey, Tokens, caller_is_gone};
pub use users::{NewUser, User, UserChange};
