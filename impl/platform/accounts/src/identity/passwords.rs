//! Password hashing with argon2id, and verification of argon2id and of bcrypt hashes from older deployments.
//!
//! A hash costs 28 ms of a core and 19 MiB, so the number of concurrent computations is that of the cores, a bounded number
//! waits, and further ones are rejected with 503.

use std::fmt;
use std::sync::Arc;
use std::time::{Duration, Instant};

use argon2::password_hash::phc::PasswordHash;
use argon2::{Algorithm, Argon2, Params, PasswordHasher, PasswordVerifier, Version};
use contract::Problem;
use platform_admission::{Cost, Gate, Keep, Refused, Requester, too_many};
use platform_settings::{AuthSettings, InvalidSettings};
use platform_store::{Error, Result};

use super::password_policy;
use super::text::password_forms;

/// How long a request waits for a core.
const QUEUE_TIMEOUT: Duration = Duration::from_secs(5);
/// A stored bcrypt hash that would take minutes of a core (225 ms at 12, doubling with each) is never verified.
const MAX_BCRYPT_COST: u32 = 16;
/// The same for argon2: KiB, passes, lanes.
const MAX_ARGON2_PARAMETERS: (u32, u32, u32) = (1 << 20, 100, 64);

/// A hash as stored in the database. It allows offline attacks, so it is never printed.
#[derive(Clone, PartialEq, Eq, sqlx::Type)]
#[sqlx(transparent)]
pub struct HashedPassword(String);

impl HashedPassword {
    /// What is stored for an account without a password: no hash, so that every password is wrong, after as long as any other.
    pub fn none() -> Self {
        Self("!".to_owned())
    }

    /// The hash itself, for the database.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for HashedPassword {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str("HashedPassword")
    }
}

/// The result of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is another password, or the stored text is not a valid hash.
    Wrong,
    /// The password matches.
    Right,
    /// The password matches; the stored hash should be replaced by this one.
    Outdated(HashedPassword),
}

/// Computes and verifies password hashes. Clones share the limit.
#[derive(Clone)]
pub struct Passwords {
    argon2: Argon2<'static>,
    cores: Gate,
    /// A hash that no password has, verified for unknown users, so that the response takes as long.
    nobody: Arc<str>,
}

impl Passwords {
    /// With the parameters and the queue of the settings.
    ///
    /// # Errors
    /// When argon2 rejects the parameters.
    pub fn new(settings: &AuthSettings) -> Result<Self, InvalidSettings> {
        let invalid = |error: &dyn std::fmt::Display| InvalidSettings(format!("argon2 parameters: {error}"));
        let params = Params::new(
            settings.argon2_memory_kib,
            settings.argon2_iterations,
            settings.argon2_parallelism,
            Some(Params::DEFAULT_OUTPUT_LEN),
        )
        .map_err(|error| invalid(&error))?;
        let argon2 = Argon2::new(Algorithm::Argon2id, Version::V0x13, params);
        let cores = std::thread::available_parallelism().map_or(1, usize::from);
        // Random, so that it belongs to no known password.
        let nobody = argon2.hash_password(&rand::random::<[u8; 32]>()).map_err(|error| invalid(&error))?;
        Ok(Self {
            argon2,
            cores: Gate::new(cores, settings.hashing_queue_size as usize, QUEUE_TIMEOUT, Keep::Nothing),
            nobody: nobody.to_string().into(),
        })
    }

    /// The argon2id hash of a prepared password, as a PHC string.
    ///
    /// # Errors
    /// 503 `busy` when the queue is full.
    pub async fn hash(&self, password: String) -> Result<HashedPassword> {
        let argon2 = self.argon2.clone();
        self.on_a_core(move || hash(&argon2, &password)).await?
    }

    /// Whether a password is among those that are guessed first, by one who knows these texts about its owner.
    ///
    /// # Errors
    /// 503 `busy` when the queue is full.
    pub async fn is_guessed_early(&self, password: String, about: &[Option<&str>]) -> Result<bool> {
        let about: Vec<String> = about.iter().flatten().map(|text| (*text).to_owned()).collect();
        self.on_a_core(move || password_policy::is_guessed_early(&password, &about)).await
    }

    /// Compares a password with the stored hash of a user; without one it takes as long and returns `Wrong`.
    ///
    /// The stored hash may be that of another form of the same password, so a password with several forms is compared in each,
    /// for every user: the timing depends on what was typed, not on what is stored.
    ///
    /// # Errors
    /// 503 `busy` when the queue is full.
    pub async fn verify(&self, password: String, stored: Option<String>) -> Result<Verdict> {
        let Self { argon2, nobody, .. } = self.clone();
        self.on_a_core(move || {
            let forms = password_forms(password);
            for (n, form) in forms.iter().enumerate() {
                if !is_password(&argon2, form, stored.as_deref(), &nobody) {
                    continue;
                }
                let is_current = n == 0 && stored.as_deref().is_some_and(|stored| is_current(&argon2, stored));
                return if is_current { Ok(Verdict::Right) } else { hash(&argon2, &forms[0]).map(Verdict::Outdated) };
            }
            Ok(Verdict::Wrong)
        })
        .await?
    }

    /// Runs `work` on a blocking thread when a core is free. When the request is cancelled the work goes on, and holds its
    /// core until it ends.
    async fn on_a_core<T: Send + 'static>(&self, work: impl FnOnce() -> T + Send + 'static) -> Result<T> {
        let core = self.cores.enter().await.map_err(|refused| match refused {
            Refused::Share => too_many("password_hashing"),
            _ => Problem::unavailable("busy", "Too many concurrent password checks; try again.", 1),
        })?;
        let requester = Requester::current();
        let work = move || {
            let (_core, started) = (core, Instant::now());
            let result = work();
            if let Some(requester) = requester {
                requester.charge(Cost::Hashing, started.elapsed().as_secs_f64());
            }
            result
        };
        tokio::task::spawn_blocking(work).await.map_err(Error::internal)
    }
}

fn is_password(argon2: &Argon2<'_>, password: &str, stored: Option<&str>, nobody: &str) -> bool {
    let sound = match stored {
        Some(stored) if is_bcrypt(stored) => bcrypt::verify(password, stored).ok(),
        Some(stored) => verify_argon2(argon2, password, stored),
        None => None,
    };
    sound.unwrap_or_else(|| {
        // Nothing to compare with: spend the time all the same.
        verify_argon2(argon2, password, nobody);
        false
    })
}

fn hash(argon2: &Argon2<'_>, password: &str) -> Result<HashedPassword> {
    match argon2.hash_password(password.as_bytes()) {
        Ok(hash) => Ok(HashedPassword(hash.to_string())),
        Err(error) => Err(Error::internal(error.to_string())),
    }
}

/// `None` when the stored text is not an argon2 hash, or one that is too expensive to verify.
fn verify_argon2(argon2: &Argon2<'_>, password: &str, stored: &str) -> Option<bool> {
    let stored = PasswordHash::new(stored).ok()?;
    let params = Params::try_from(&stored).ok()?;
    let (memory, passes, lanes) = MAX_ARGON2_PARAMETERS;
    if params.m_cost() > memory || params.t_cost() > passes || params.p_cost() > lanes || stored.hash.is_none() {
        return None;
    }
    match argon2.verify_password(password.as_bytes(), &stored) {
        Ok(()) => Some(true),
        Err(argon2::password_hash::Error::PasswordInvalid) => Some(false),
        Err(_) => None,
    }
}

/// `$2a$`, `$2b$` and `$2y$` with an acceptable cost. bcrypt uses 72 bytes of a password, here as where the hash was
/// computed.
fn is_bcrypt(stored: &str) -> bool {
    let Some(rest) = ["$2a$", "$2b$", "$2y$"].iter().find_map(|prefix| stored.strip_prefix(prefix)) else {
        return false;
    };
    rest.split('$').next().and_then(|cost| cost.parse().ok()).is_some_and(|cost: u32| cost <= MAX_BCRYPT_COST)
}

/// Whether a stored hash has the algorithm and parameters of new ones.
fn is_current(argon2: &Argon2<'_>, stored: &str) -> bool {
    let ours = argon2.params();
    PasswordHash::new(stored).is_ok_and(|stored| {
        stored.algorithm == Algorithm::Argon2id.ident()
            && Params::try_from(&stored).is_ok_and(|theirs| {
                (theirs.m_cost(), theirs.t_cost(), theirs.p_cost()) == (ours.m_cost(), ours.t_cost(), ours.p_cost())
            })
    })
}
