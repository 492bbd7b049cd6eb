//! Anonymous visitor ids: a keyed hash whose key changes every day and is deleted.
//!
//! The key of a day is made of two halves: a random seed, which is in the database until nobody may report views of that day any
//! more, and the secret key, which is not in the database. A dump without the secret key tells nothing; the secret key alone
//! tells nothing of days whose seed is gone.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::{Arc, PoisonError, RwLock};

use chrono::NaiveDate;
use hmac::{Hmac, KeyInit, Mac};
use platform::settings::{InvalidSettings, Reloaded, Secret, each_line};
use platform::{Database, Result, pair, sql};
use sha2::Sha256;

/// Days a process remembers.
const REMEMBERED: usize = 500;

/// The salts of days, the same in all processes.
#[derive(Clone)]
pub(crate) struct Salts {
    /// The first makes salts; while it is new, reporters may be known by the others.
    keys: Arc<Reloaded<Vec<Salt>>>,
    known: Arc<RwLock<Known>>,
}

/// What was made of one key.
struct Known {
    key: Salt,
    salts: HashMap<NaiveDate, Salt>,
}

/// A day's salt.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) struct Salt([u8; 32]);

impl Salts {
    /// # Errors
    /// Never: every text is a key.
    pub(crate) fn new(secret: &Secret) -> Result<Self, InvalidSettings> {
        // Not the key itself (RFC 5869, with one block of output): what is made here signs no token.
        let key = |secret: &str| Salt(Salt(hash(b"analytics", &[secret.as_bytes()])).hash(&[b"visitor salts", &[1]]));
        let keys = Reloaded::new(secret, move |text| Ok(each_line(text).map(key).collect()))?;
        let known = Known { key: Salt([0; 32]), salts: HashMap::new() };
        Ok(Self { keys: Arc::new(keys), known: Arc::new(RwLock::new(known)) })
    }

    fn key(&self) -> Salt {
        self.keys.get().first().copied().unwrap_or(Salt([0; 32]))
    }

    /// The salts of the days, in their order; whoever asks first makes them.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn of(&self, database: &Database, days: &[NaiveDate]) -> Result<HashMap<NaiveDate, Salt>> {
        // One statement: a seed that another process makes at this moment is waited for, and then read.
        const SQL: &str = sql!(
            "INSERT INTO visitor_salts AS s (day, salt)
             SELECT day, salt FROM unnest($1::date[], $2::bytea[]) AS i (day, salt) ORDER BY day
             ON CONFLICT ON CONSTRAINT visitor_salts_pkey DO UPDATE SET salt = s.salt RETURNING day, salt"
        );
        let (mut salts, mut missing): (HashMap<NaiveDate, Salt>, Vec<NaiveDate>) = (HashMap::new(), Vec::new());
        let key = self.key();
        {
            let known = self.known.read().unwrap_or_else(PoisonError::into_inner);
            for day in days {
                match known.salts.get(day).filter(|_| known.key == key) {
                    Some(salt) => drop(salts.insert(*day, *salt)),
                    None => missing.push(*day),
                }
            }
        }
        if missing.is_empty() {
            return Ok(salts);
        }
        missing.sort_unstable();
        missing.dedup();
        let fresh: Vec<Vec<u8>> = missing.iter().map(|_| rand::random::<[u8; 32]>().to_vec()).collect();
        let seeds: Vec<(NaiveDate, Vec<u8>)> = database
            .write_once(move |mut tx| async move {
                let rows = sqlx::query(SQL).bind(missing).bind(fresh).fetch_all(&mut *tx).await?;
                Ok(rows.iter().map(|row| pair(row, "day", "salt")).collect::<sqlx::Result<_>>()?)
            })
            .await?;
        let made = seeds.into_iter().map(|(day, seed)| (day, Salt(key.hash(&[day.to_string().as_bytes(), &seed]))));
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        if known.salts.len() >= REMEMBERED || known.key != key {
            *known = Known { key, salts: HashMap::new() };
        }
        for (day, salt) in made {
            known.salts.insert(day, salt);
            salts.insert(day, salt);
        }
        Ok(salts)
    }

    /// Throws away the seeds of days before `oldest`. Those of older ones, of which a superuser has reported, live for a day.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn forget(&self, database: &Database, oldest: NaiveDate) -> Result<()> {
        const SQL: &str = sql!("DELETE FROM visitor_salts WHERE day < $1 AND made_at < now() - interval '1 day'");
        database
            .write_once(move |mut tx| async move {
                sqlx::query(SQL).bind(oldest).execute(&mut *tx).await?;
                Ok(())
            })
            .await?;
        self.known.write().unwrap_or_else(PoisonError::into_inner).salts.retain(|day, _| *day >= oldest);
        Ok(())
    }

    /// Who reports an event, in words that tell nothing of other events: the words of today, and those that may have been stored before the
    /// key was replaced.
    pub(crate) fn signatures(&self, event: uuid::Uuid, reporter: &str) -> Vec<String> {
        let of = |key: &Salt| hex(&key.hash(&[b"reporter", event.as_bytes(), reporter.as_bytes()]));
        self.keys.get().iter().map(of).collect()
    }
}

impl Salt {
    /// Who came with an identifier of the site's own.
    pub(crate) fn named(&self, id: &str) -> String {
        hex(&self.hash(&[b"id", id.as_bytes()]))
    }

    /// Who came from an address with a browser.
    pub(crate) fn seen(&self, address: IpAddr, user_agent: &str) -> String {
        hex(&self.hash(&[b"ip", address.to_string().as_bytes(), user_agent.as_bytes()]))
    }

    fn hash(&self, parts: &[&[u8]]) -> [u8; 32] {
        hash(&self.0, parts)
    }
}

fn hash(key: &[u8], parts: &[&[u8]]) -> [u8; 32] {
    // HMAC takes keys of any length.
    let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(key) else { return [0; 32] };
    for part in parts {
        mac.update(&(part.len() as u64).to_le_bytes());
        mac.update(part);
    }
    mac.finalize().into_bytes().into()
}

fn hex(hash: &[u8; 32]) -> String {
    hash.iter().take(16).map(|byte| format!("{byte:02x}")).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_visitor_is_known_on_the_same_day_only() {
        let day = |key| Salt([key; 32]);
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        assert_eq!(day(1).seen(address, "Firefox"), day(1).seen(address, "Firefox"));
        assert_ne!(day(1).seen(address, "Firefox"), day(2).seen(address, "Firefox"));
        assert_ne!(day(1).seen(address, "Firefox"), day(1).seen(address, "Chrome"));
        assert_ne!(day(1).named("a"), day(1).named("b"));
        assert_eq!(day(1).named("a").len(), 32);
    }

    #[test]
    fn without_the_secret_key_a_seed_is_nothing() {
        let salts = |secret: &str| Salts::new(&secret.into()).expect("keys");
        let (event, one, other) = (uuid::Uuid::nil(), salts("one"), salts("other"));
        assert_ne!(one.key().hash(&[b"2026-01-31", &[7; 32]]), other.key().hash(&[b"2026-01-31", &[7; 32]]));
        assert_ne!(one.signatures(event, "user 1"), other.signatures(event, "user 1"));
        assert_ne!(one.signatures(event, "user 1"), one.signatures(uuid::Uuid::max(), "user 1"));
        let both = [other.signatures(event, "user 1"), one.signatures(event, "user 1")].concat();
        assert_eq!(salts("other\none").signatures(event, "user 1"), both, "while the key is replaced");
    }
}
