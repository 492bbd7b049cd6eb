//! How tokens are signed and passwords hashed.

use std::time::Duration;

use clap::{Args, ValueEnum};
use secrecy::{ExposeSecret, SecretString};

use crate::secret::secret;
use crate::secrets::weakness;
use crate::{Environment, InvalidSettings};

/// Tokens and passwords.
#[derive(Debug, Clone, Args)]
#[command(next_help_heading = "Authentication")]
pub struct AuthSettings {
    /// Key that signs access tokens, the same for every service; in production at least as long as the hash of ALGORITHM (32 bytes or more)
    #[arg(long, env = "SECRET_KEY", hide_env_values = true, value_parser = secret)]
    pub secret_key: Option<SecretString>,
    /// Signature algorithm of access tokens
    #[arg(long, env = "ALGORITHM", value_enum, default_value_t = Algorithm::Hs256)]
    pub algorithm: Algorithm,
    /// Lifetime of access tokens, in minutes
    #[arg(long, env = "ACCESS_TOKEN_EXPIRE_MINUTES", default_value_t = 30, value_parser = clap::value_parser!(u32).range(1..=525_600))]
    pub access_token_expire_minutes: u32,
    /// Minimum length of new passwords, in characters
    #[arg(long, env = "PASSWORD_MIN_LENGTH", default_value_t = 6, value_parser = clap::value_parser!(u32).range(1..=100))]
    pub password_min_length: u32,
    /// Maximum number of sign-ups per address (IPv6: per /64) and hour; 0: unlimited
    #[arg(long, env = "SIGNUPS_PER_HOUR", default_value_t = 1_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub signups_per_hour: u32,
    /// Maximum number of sign-ups per address (IPv6: per /64) and day; 0: unlimited
    #[arg(long, env = "SIGNUPS_PER_DAY", default_value_t = 3_000, value_parser = clap::value_parser!(u32).range(..=1_000_000))]
    pub signups_per_day: u32,
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
}

/// The symmetric algorithms an access token may be signed with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
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
}

/// Signs tokens in development when `SECRET_KEY` is not set, so that a token survives a restart.
const DEVELOPMENT_KEY: &str = "development-only-key-never-used-in-production";

impl AuthSettings {
    /// The signing key; a fixed one in development when none is set.
    pub fn signing_key(&self) -> &[u8] {
        self.given_key().unwrap_or(DEVELOPMENT_KEY).as_bytes()
    }

    /// How long an access token lives.
    pub fn token_life(&self) -> Duration {
        Duration::from_secs(u64::from(self.access_token_expire_minutes) * 60)
    }

    fn given_key(&self) -> Option<&str> {
        self.secret_key.as_ref().map(ExposeSecret::expose_secret).filter(|key| !key.is_empty())
    }

    pub(super) fn validate(&self, environment: Environment) -> Result<(), InvalidSettings> {
        if self.argon2_memory_kib < 8 * self.argon2_parallelism {
            return Err(InvalidSettings("ARGON2_MEMORY_KIB must be at least 8 times ARGON2_PARALLELISM".into()));
        }
        if !environment.is_production() {
            return Ok(());
        }
        // RFC 7518, 3.2: a key is at least as long as the hash.
        let shortest = match self.algorithm {
            Algorithm::Hs256 => 32,
            Algorithm::Hs384 => 48,
            Algorithm::Hs512 => 64,
        };
        let refusal = match self.given_key() {
            None => "is missing",
            Some(key) => match weakness(key) {
                Some(weakness) => weakness,
                None if key.trim().len() < shortest => "is shorter than the hash of ALGORITHM",
                None => return Ok(()),
            },
        };
        Err(InvalidSettings(format!(
            "SECRET_KEY {refusal}; generate one, the same for every service: openssl rand -hex {shortest}"
        )))
    }
}
