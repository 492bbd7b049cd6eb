//! The login operations that every document mounts, for the models each crate generated of them.

/// Implements a service's generated `Login` trait on its fields `accounts` and `limiter`. `$api` is the generated crate; what follows
/// are the operations of the tag that only this service has.
#[macro_export]
macro_rules! login_endpoints {
    ($service:ty, $api:ident { $($own:tt)* }) => {
        impl $api::apis::login::Login for $service {
            async fn login_access_token(
                &self,
                body: $api::models::LoginForm,
            ) -> $crate::Result<$api::apis::login::LoginAccessTokenResponse> {
                let guard = self.limiter.guard(&$api::apis::login::LOGIN_ACCESS_TOKEN);
                let token = self.accounts.login(guard, &body.username, body.password).await?;
                Ok($api::apis::login::LoginAccessTokenResponse::Ok($api::models::Token {
                    access_token: token.access_token,
                    token_type: $api::models::TokenType::Bearer,
                    expires_in: token.expires_in,
                    scope: token.scope.to_owned(),
                }))
            }

            async fn signup(
                &self,
                body: $api::models::Signup,
            ) -> $crate::Result<$api::apis::login::SignupResponse> {
                let signups = self.limiter.signups(&$api::apis::login::SIGNUP);
                let (email, password, name) = (body.email, body.password, body.full_name.flatten());
                let user = self.accounts.sign_up(signups, email, password, name).await?;
                Ok($api::apis::login::SignupResponse::Ok($crate::user_model!($api, user)))
            }

            async fn logout(
                &self,
                caller: $crate::identity::Principal,
            ) -> $crate::Result<$api::apis::login::LogoutResponse> {
                self.accounts.logout(&caller).await?;
                Ok($api::apis::login::LogoutResponse::NoContent)
            }

            $($own)*
        }
    };
}

/// A user as the model of a generated crate.
#[macro_export]
macro_rules! user_model {
    ($api:ident, $user:expr) => {{
        let user: $crate::identity::User = $user;
        $api::models::User {
            id: user.id,
            email: user.email,
            full_name: user.full_name,
            is_active: user.is_active,
            is_superuser: user.is_superuser,
            created_at: user.created_at,
            updated_at: user.updated_at.unwrap_or(user.created_at),
        }
    }};
}
