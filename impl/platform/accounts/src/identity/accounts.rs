//! Sign-up, and authentication of tokens.

use std::sync::Arc;

use platform_admission::{Sender, identify};
use platform_background::Jobs;
use platform_rate_limits::Signups;
use platform_second_factors::SecondFactors;
use platform_settings::{AuthSettings, DatabaseSettings, Environment, InvalidSettings, SessionLifetimes};
use platform_store::{Database, Result, Servers, Transaction, Wanted, pair, sql};
use platform_telemetry::Metrics;
use sqlx::PgConnection;

use super::addresses::{self, Addresses};
use super::email_requests::EmailRequest;
use super::key_metrics::KeyMetrics;
use super::password_policy::{Policy, guessed_early};
use super::passwords::{HashedPassword, Passwords};
use super::principal::{Credential, Principal};
use super::text::prepared_password;
use super::token_cache::{JOB_INTERVAL, TokenCache};
use super::tokens::{Tokens, refused};
use super::users::{self, NewUser, User};

/// The accounts of all services. Clones share the state.
#[derive(Clone)]
pub struct Accounts {
    pub(super) db: Database,
    pub(super) tokens: Arc<Tokens>,
    pub(super) passwords: Passwords,
    pub(super) cache: Arc<TokenCache>,
    pub(super) lifetimes: SessionLifetimes,
    pub(super) addresses: Arc<Addresses>,
    password_policy: Policy,
    pub(super) without_demo: bool,
    pub(super) verified_only: bool,
    pub(super) second_factors: Arc<SecondFactors>,
    pub(super) superusers_need_factor: bool,
    jobs: Jobs,
}

impl Accounts {
    /// Starts to listen for changes of users in the background; ends when the last clone is dropped. Must be called
    /// inside a Tokio runtime.
    ///
    /// # Errors
    /// When the settings hold no valid connection URL, argon2 parameters or keys of tokens.
    pub fn start(
        db: Database,
        database: &DatabaseSettings,
        settings: &AuthSettings,
        role: &str,
    ) -> Result<Self, InvalidSettings> {
        let cache = Arc::new(TokenCache::default());
        let servers = Servers::new(database, format!("{role}-sessions"), Wanted::Writable)?;
        let jobs = Jobs::default();
        let tokens = Tokens::new(settings)?;
        if !tokens.can_issue() {
            tracing::warn!(
                "there is no TOKEN_PRIVATE_KEY: tokens are verified, and logins get 400 unsupported_grant_type"
            );
        }
        tokio::spawn(Arc::clone(&cache).listen(servers, jobs.job("sessions", JOB_INTERVAL)));
        Ok(Self {
            db,
            tokens: Arc::new(tokens),
            passwords: Passwords::new(settings)?,
            cache,
            lifetimes: settings.session_lifetimes(),
            addresses: Arc::new(Addresses::new(&settings.secret())?),
            password_policy: Policy::new(settings, Environment::Development),
            without_demo: false,
            verified_only: settings.require_verified_email,
            second_factors: Arc::new(SecondFactors::new(settings)?),
            superusers_need_factor: settings.second_factors.require_superuser_second_factor,
            jobs,
        })
    }

    /// Its background jobs, for readiness and metrics.
    pub fn jobs(&self) -> &Jobs {
        &self.jobs
    }

    /// The second factors of users.
    pub fn second_factors(&self) -> &Arc<SecondFactors> {
        &self.second_factors
    }

    /// Whether superusers need a second factor.
    pub fn superusers_need_factor(&self) -> bool {
        self.superusers_need_factor
    }

    /// Registers the keys of tokens in a service's metrics.
    pub fn register(&self, metrics: &Metrics) {
        metrics.register(|registry| registry.register_collector(Box::new(KeyMetrics(Arc::clone(&self.tokens)))));
    }

    /// The same for production: the published passwords of the demo accounts are rejected, whatever the database contains (a development
    /// database may be used in production before the next migration), and new passwords must be strong unless the settings say otherwise.
    #[must_use]
    pub fn for_production(self, settings: &AuthSettings) -> Self {
        Self { without_demo: true, password_policy: Policy::new(settings, Environment::Production), ..self }
    }

    /// Authenticates an access token or an API token, with at most one statement.
    ///
    /// # Errors
    /// 401 `invalid_token` when the token is invalid or revoked, its session ended, its user deleted or deactivated, or the password of
    /// an access token's user changed since.
    pub async fn authenticate(&self, token: &str) -> Result<Principal> {
        const SQL: &str = sql!(
            "SELECT u.is_superuser, EXISTS (SELECT FROM account_deletions d WHERE d.user_id = u.id) AS is_leaving FROM users u
            WHERE u.id = $1 AND u.is_active AND u.session_epoch = $2
              AND NOT EXISTS (SELECT FROM revoked_tokens r WHERE r.jti IN ($3, $4))"
        );
        if let Some(known) = self.cache.get(token) {
            Sender::identify(known.user);
            return Ok(known);
        }
        let ticket = self.cache.ticket();
        if let Some(principal) = self.authenticate_by_api_token(token).await? {
            self.cache.remember(token, principal, ticket);
            return Ok(principal);
        }
        let claims = self.tokens.verify(token)?;
        let user: i64 = claims.sub.parse().map_err(|_| refused("its subject is not a user id"))?;
        identify(user);
        let row = sqlx::query(SQL)
            .bind(user)
            .bind(claims.epoch)
            .bind(claims.jti)
            .bind(claims.sid)
            .fetch_optional(self.db.latest_reads())
            .await?
            .ok_or_else(|| refused("its user was deleted or its session has ended"))?;
        let (is_superuser, is_leaving) = pair(&row, "is_superuser", "is_leaving")?;
        let is_superuser = self.has_rights_of_superuser(is_superuser, &claims.amr);
        let credential = Credential::AccessToken(claims.sid);
        let (jti, epoch, expires) = (claims.jti, claims.epoch, claims.exp);
        let principal = Principal { user, is_superuser, is_leaving, epoch, token: jti, credential, expires };
        self.cache.remember(token, principal, ticket);
        Sender::identify(user);
        Ok(principal)
    }

    /// Creates an account, which is active and never a superuser; no authentication is needed.
    ///
    /// # Errors
    /// 409 `email_taken`; 422 when the password is shorter than the configured minimum; 429 `too_many_signups`; 503 `busy`.
    pub async fn sign_up(
        &self,
        signups: Signups<'_>,
        email: String,
        password: String,
        full_name: Option<String>,
    ) -> Result<User> {
        let here = self.here();
        let open = async {
            let hashed_password = self.hash_password(password, &[Some(&email), full_name.as_deref()]).await?;
            let user = NewUser { email, hashed_password, full_name, is_active: true, is_superuser: false };
            let insert = move |mut tx: Transaction| async move {
                let user = users::insert(&mut tx, &user).await?;
                here.is_used_by(&mut tx, user.id).await?;
                // With too many waiting the account is there all the same; a login or its owner asks again.
                EmailRequest::Verification(user.id).write(&mut tx).await?;
                Ok(user)
            };
            self.db.write(insert).await
        };
        signups.open(&self.db, open).await
    }

    /// The hash to store for a new password; `about` are texts about its owner, which are guessed first.
    ///
    /// # Errors
    /// 422 when it is not as the policy requires; 503 `busy`.
    pub async fn hash_password(&self, password: String, about: &[Option<&str>]) -> Result<HashedPassword> {
        let password = prepared_password(&password);
        self.password_policy.check_length(&password)?;
        if self.password_policy.is_strong() && self.passwords.is_guessed_early(password.clone(), about).await? {
            return Err(guessed_early().into());
        }
        self.passwords.hash(password).await
    }

    /// The caller's own account in its current state.
    ///
    /// # Errors
    /// 401 when it was deleted after the caller was authenticated.
    pub async fn current_user(&self, caller: &Principal) -> Result<User> {
        let user = users::find(self.db.latest_reads(), caller.user_id()).await?;
        Ok(user.ok_or_else(|| refused("its user was deleted"))?)
    }

    /// The address of the current request.
    pub fn here(&self) -> Here {
        Here { addresses: Arc::clone(&self.addresses), sender: Sender::current() }
    }

    /// Evicts a user's sessions from this process' cache; to be called after a transaction that changed a user. Other processes
    /// are notified by the database, and so is this one, a moment later.
    pub fn user_changed(&self, user: i64) {
        self.cache.forget_user(user);
    }
}

/// The address of a request, to be stored in its transaction.
#[derive(Clone)]
pub struct Here {
    addresses: Arc<Addresses>,
    sender: Sender,
}

impl Here {
    /// Records that the owner of the account used it from here: attempts from here are not limited by failures elsewhere.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn is_used_by(&self, tx: &mut PgConnection, user: i64) -> Result<()> {
        addresses::remember(tx, user, &self.addresses.of(&self.sender, user)).await
    }
}
