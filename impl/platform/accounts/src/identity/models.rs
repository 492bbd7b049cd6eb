//! Accounts and tokens as declared in `openapi/common.yaml`, in every service.

use common_api::models;

use super::login::AccessToken;
use super::users::User;

impl From<User> for models::User {
    fn from(user: User) -> Self {
        let User { id, email, full_name, is_active, is_superuser, created_at, updated_at } = user;
        let updated_at = updated_at.unwrap_or(created_at);
        Self { id, email, full_name, is_active, is_superuser, created_at, updated_at }
    }
}

impl From<AccessToken> for models::Token {
    fn from(token: AccessToken) -> Self {
        let AccessToken {
            access_token,
            token_type: _,
            expires_in,
            scope,
            refresh_token,
            refresh_expires_in,
            deletion_at,
        } = token;
        let (token_type, scope) = (models::TokenType::Bearer, scope.to_owned());
        Self { access_token, token_type, expires_in, scope, refresh_token, refresh_expires_in, deletion_at }
    }
}
