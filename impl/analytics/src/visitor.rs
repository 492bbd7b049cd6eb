//! Telling visitors apart without knowing them: a keyed hash whose key is thrown away every day.

use std::net::IpAddr;
use std::sync::{Arc, RwLock};

use chrono::{NaiveDate, Utc};
use hmac::{Hmac, KeyInit, Mac};
use platform::{Database, Result};
use sha2::Sha256;

/// Days whose salt is kept: a request that began before midnight may end after it.
const KEPT: u64 = 2;

/// The salt of the day, shared by all processes.
#[derive(Debug, Clone, Default)]
pub(crate) struct Salts(Arc<RwLock<Option<Salt>>>);

/// A day's salt.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Salt {
    day: NaiveDate,
    key: [u8; 32],
}

impl Salts {
    /// Today's salt; the first who asks makes it.
    ///
    /// # Errors
    /// Those of the database.
    pub(crate) async fn today(&self, database: &Database) -> Result<Salt> {
        // One statement: a salt that another process makes at this moment is waited for, and then read.
        const SQL: &str = "WITH old AS (DELETE FROM visitor_salts WHERE day <= $1 - $3::int) \
             INSERT INTO visitor_salts AS s (day, salt) VALUES ($1, $2) \
             ON CONFLICT ON CONSTRAINT visitor_salts_pkey DO UPDATE SET salt = s.salt RETURNING salt";
        let day = Utc::now().date_naive();
        let known = *self.0.read().unwrap_or_else(std::sync::PoisonError::into_inner);
        if let Some(salt) = known.filter(|salt| salt.day == day) {
            return Ok(salt);
        }
        let fresh: [u8; 32] = rand::random();
        let kept: Vec<u8> = database
            .write_once(move |mut tx| async move {
                let query = sqlx::query_scalar(SQL).bind(day).bind(fresh.to_vec()).bind(KEPT as i32);
                Ok(query.fetch_one(&mut *tx).await?)
            })
            .await?;
        let mut key = [0; 32];
        key.iter_mut().zip(kept).for_each(|(to, from)| *to = from);
        let salt = Salt { day, key };
        *self.0.write().unwrap_or_else(std::sync::PoisonError::into_inner) = Some(salt);
        Ok(salt)
    }
}

impl Salt {
    /// Who came with an identifier of the site's own.
    pub(crate) fn named(&self, id: &str) -> String {
        self.hash(&[b"id", id.as_bytes()])
    }

    /// Who came from an address with a browser.
    pub(crate) fn seen(&self, address: IpAddr, user_agent: &str) -> String {
        self.hash(&[b"ip", address.to_string().as_bytes(), user_agent.as_bytes()])
    }

    fn hash(&self, parts: &[&[u8]]) -> String {
        // HMAC takes keys of any length.
        let Ok(mut mac) = Hmac::<Sha256>::new_from_slice(&self.key) else { return String::new() };
        for part in parts {
            mac.update(&(part.len() as u64).to_le_bytes());
            mac.update(part);
        }
        mac.finalize().into_bytes().iter().take(16).map(|byte| format!("{byte:02x}")).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_visitor_is_known_on_the_same_day_only() {
        let day = |key| Salt { day: NaiveDate::MIN, key: [key; 32] };
        let address: IpAddr = "192.0.2.1".parse().expect("an address");
        assert_eq!(day(1).seen(address, "Firefox"), day(1).seen(address, "Firefox"));
        assert_ne!(day(1).seen(address, "Firefox"), day(2).seen(address, "Firefox"));
        assert_ne!(day(1).seen(address, "Firefox"), day(1).seen(address, "Chrome"));
        assert_ne!(day(1).named("a"), day(1).named("b"));
        assert_eq!(day(1).named("a").len(), 32);
    }
}
