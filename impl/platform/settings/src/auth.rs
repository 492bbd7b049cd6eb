//! How tokens are signed and passwords hashed.

use std::time::Duration;

use clap::{Args, ValueEnum};

use crate::second_factors::SecondFactorSettings;
use crate::secret::given;
use crate::secrets::weakness;
use crate::{Environment, InvalidSettings, Secret, SecretParser};

/// Tokens and passwords.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Authentication")]
pub struct AuthSettings {
    /// Key that signs access tokens and of which others are derived, the same for every service; in production at least as long as the hash of
    /// ALGORITHM (32 bytes or more). Of several, one on each line, the first signs and all verify
    #[arg(long, env = "SECRET_KEY", hide_env_values = true, value_parser = SecretParser)]
    pub secret_key: Option<Secret>,
    /// Signature algorithm of access tokens. EdDSA: Ed25519, with TOKEN_PRIVATE_KEY and TOKEN_PUBLIC_KEYS; beside another one, as in
    /// EdDSA,HS256, the first signs and tokens of both are accepted
    #[arg(long, env = "ALGORITHM", value_enum, value_delimiter = ',', default_value = "HS256")]
    pub algorithm: Vec<Algorithm>,
    /// Ed25519 key that signs access tokens: PEM of PKCS#8. A service without it accepts tokens and issues none
    #[arg(long, env = "TOKEN_PRIVATE_KEY", hide_env_values = true, value_parser = SecretParser, allow_hyphen_values = true)]
    pub token_private_key: Option<Secret>,
    /// Ed25519 keys of other processes, whose access tokens are accepted: PEM, one after the other
    #[arg(long, env = "TOKEN_PUBLIC_KEYS", hide_env_values = true, value_parser = SecretParser, allow_hyphen_values = true)]
    pub token_public_keys: Option<Secret>,
    /// Lifetime of access tokens, in minutes
    #[arg(long, env = "ACCESS_TOKEN_EXPIRE_MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=525_600))]
    pub access_token_expire_minutes: u32,
    /// How long a session may be unused before its refresh token expires, in days
    #[arg(long, env = "REFRESH_TOKEN_EXPIRE_DAYS", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub refresh_token_expire_days: u32,
    /// How long a session may last, however often it is refreshed, in days
    #[arg(long, env = "SESSION_EXPIRE_DAYS", default_value_t = 180, value_parser = clap::value_parser!(u32).range(1..=3_650))]
    pub session_expire_days: u32,
    /// What new passwords must be like [default: strong in production, else basic]
    #[arg(long, env = "PASSWORD_POLICY", value_enum)]
    pub password_policy: Option<PasswordPolicy>,
    /// Minimum length of new passwords, in characters [default: 8 if they must be strong, else 6]
    #[arg(long, env = "PASSWORD_MIN_LENGTH", value_parser = clap::value_parser!(u32).range(1..=100))]
    pub password_min_length: Option<u32>,
    /// Maximum number of sign-ups per address (IPv6: per /64) and hour; 0: unlimited
    #[arg(long, env = "SIGNUPS_PER_HOUR", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub signups_per_hour: u32,
    /// Maximum number of sign-ups per address (IPv6: per /64) and day; 0: unlimited
    #[arg(long, env = "SIGNUPS_PER_DAY", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub signups_per_day: u32,
    /// Whether a login needs an e-mail address that was verified by mail (MAIL_URL of the service that administers accounts)
    #[arg(long, env = "REQUIRE_VERIFIED_EMAIL", value_parser = clap::builder::BoolishValueParser::new(), default_value = "false",
          default_missing_value = "true", num_args = 0..=1, require_equals = true)]
    pub require_verified_email: bool,
    /// Memory cost of argon2id, in KiB
    #[arg(long, env = "ARGON2_MEMORY_KIB", default_value_t = 19_456, value_parser = clap::value_parser!(u32).range(8..=1_048_576))]
    pub argon2_memory_kib: u32,
    /// Iterations of argon2id
    #[arg(long, env = "ARGON2_ITERATIONS", default_value_t = 2, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub argon2_iterations: u32,
    /// Parallelism of argon2id
    #[arg(long, env = "ARGON2_PARALLELISM", default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=64))]
    pub argon2_parallelism: u32,
    /// Maximum number of queued password hashes; others are rejected with 503
    #[arg(long, env = "HASHING_QUEUE_SIZE", default_value_t = 64, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    pub hashing_queue_size: u32,
    /// Second factors.
    #[command(flatten)]
    pub second_factors: SecondFactorSettings,
}

/// How long sessions live.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SessionLifetimes {
    /// Unused.
    pub idle: Duration,
    /// However often they are used.
    pub session: Duration,
}

/// The algorithms an access token may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, ValueEnum)]
pub enum Algorithm {
    /// HMAC with SHA-256
    #[value(name = "HS256")]
    Hs256,
    /// HMAC with SHA-384
    #[value(name = "HS384")]
    Hs384,
    /// HMAC with SHA-512
    #[value(name = "HS512")]
    Hs512,
    /// Ed25519 (RFC 8037): who verifies cannot sign
    #[value(name = "EdDSA")]
    EdDsa,
}

/// What new passwords must be like.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum PasswordPolicy {
    /// At least 6 characters, as the older service accepted
    Basic,
    /// At least 8 characters, and not among those that are guessed first
    Strong,
}

/// Signs tokens in development when `SECRET_KEY` is not set, so that a token survives a restart.
const DEVELOPMENT_KEY: &str = "development-only-key-never-used-in-production";

/// More keys than any rotation needs: a token that does not name its key is tried with each.
const MAX_KEYS: usize = 8;

/// The secrets of a text, one on each line, the first first: more than one while it is being replaced.
pub fn each_line(text: &str) -> impl Iterator<Item = &str> {
    text.split('\n').map(|line| line.strip_suffix('\r').unwrap_or(line)).filter(|line| !line.is_empty())
}

impl AuthSettings {
    /// The key, or several (see [`each_line`]); a fixed one in development when none is set.
    pub fn secret(&self) -> Secret {
        given(&self.secret_key).cloned().unwrap_or_else(|| DEVELOPMENT_KEY.into())
    }

    /// The Ed25519 key that signs.
    pub fn private_key(&self) -> Option<&Secret> {
        given(&self.token_private_key)
    }

    /// The Ed25519 keys that others sign with.
    pub fn public_keys(&self) -> Option<&Secret> {
        given(&self.token_public_keys)
    }

    /// How long an access token lives.
    pub fn token_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.access_token_expire_minutes) * 60)
    }

    /// What new passwords must be like.
    pub fn password_policy(&self, environment: Environment) -> PasswordPolicy {
        let default = if environment.is_production() { PasswordPolicy::Strong } else { PasswordPolicy::Basic };
        self.password_policy.unwrap_or(default)
    }

    /// How long sessions live.
    pub fn session_lifetimes(&self) -> SessionLifetimes {
        let days = |days: u32| Duration::from_secs(u64::from(days) * 24 * 3_600);
        SessionLifetimes { idle: days(self.refresh_token_expire_days), session: days(self.session_expire_days) }
    }

    /// The algorithm of [`AuthSettings::secret`], if it signs or verifies tokens.
    pub fn hmac(&self) -> Option<Algorithm> {
        self.algorithm.iter().copied().find(|algorithm| *algorithm != Algorithm::EdDsa)
    }

    pub(super) fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        if self.argon2_memory_kib < 8 * self.argon2_parallelism {
            return Err(InvalidSettings("ARGON2_MEMORY_KIB must be at least 8 times ARGON2_PARALLELISM".into()));
        }
        self.validate_algorithms()?;
        self.second_factors.validate()?;
        // RFC 7518, 3.2: a key is at least as long as the hash.
        let shortest = match self.hmac() {
            Some(Algorithm::Hs384) => 48,
            Some(Algorithm::Hs512) => 64,
            _ => 32,
        };
        match given(&self.secret_key) {
            None if environment.is_production() => Err(refused_key("is missing", shortest)),
            None => Ok(()),
            Some(secret) => secret.must(move |text| check_keys(text, environment, shortest)),
        }
    }

    fn validate_algorithms(&self) -> Result<(), InvalidSettings> {
        let asymmetric = self.algorithm.iter().filter(|algorithm| **algorithm == Algorithm::EdDsa).count();
        let has_keys = self.private_key().or(self.public_keys()).is_some();
        let wrong = match (asymmetric, self.algorithm.len() - asymmetric) {
            (0 | 1, 2..) => "names more than one algorithm of SECRET_KEY: each key has one",
            (2.., _) => "names EdDSA twice",
            (1, _) if !has_keys => {
                "is EdDSA, which needs TOKEN_PRIVATE_KEY, or TOKEN_PUBLIC_KEYS where tokens are only verified"
            }
            (0, _) if has_keys => "is not EdDSA, which TOKEN_PRIVATE_KEY and TOKEN_PUBLIC_KEYS are for",
            _ => return Ok(()),
        };
        Err(InvalidSettings(format!("ALGORITHM {wrong}")))
    }
}

fn check_keys(text: &str, environment: Environment, shortest: usize) -> Result<(), InvalidSettings> {
    // Whoever has a public key could sign with it.
    if text.contains("-----BEGIN ") {
        return Err(refused_key("is a PEM, which TOKEN_PRIVATE_KEY and TOKEN_PUBLIC_KEYS are for", shortest));
    }
    if each_line(text).count() > MAX_KEYS {
        return Err(refused_key("has more than 8 lines", shortest));
    }
    let weak = each_line(text).find_map(|key| match weakness(key) {
        None if key.trim().len() < shortest => Some("is shorter than the hash of ALGORITHM"),
        weakness => weakness,
    });
    match weak {
        Some(weak) if environment.is_production() => Err(refused_key(weak, shortest)),
        _ => Ok(()),
    }
}

fn refused_key(why: &str, shortest: usize) -> InvalidSettings {
    InvalidSettings(format!("SECRET_KEY {why}; generate one, the same for every service: openssl rand -hex {shortest}"))
}
