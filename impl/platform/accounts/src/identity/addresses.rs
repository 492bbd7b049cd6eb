//! Addresses from which an account was used with the right password. From there the owner can log in, whatever strangers do
//! elsewhere.

use hmac::{Hmac, KeyInit, Mac};
use platform_admission::{Sender, network};
use platform_settings::{InvalidSettings, Reloaded, Secret, each_line};
use platform_store::slices::delete_in_slices;
use platform_store::{Database, Result, sql};
use sha2::Sha256;
use sqlx::PgConnection;

/// Rows deleted by one statement.
const BATCH_ROWS: i64 = 1000;

/// Addresses as stored in the database: hashes with a key that is not in the database, different for each account. While keys are
/// being replaced there are several; the first is used for what is stored.
pub(super) struct Addresses(Reloaded<Vec<Hmac<Sha256>>>);

/// Columns of a statement that selects from `users u`: the account's addresses, and of each whether it is recent enough not to be
/// updated.
pub(super) const KNOWN: &str =
    "ARRAY(SELECT k.address FROM known_addresses k WHERE k.user_id = u.id AND k.seen_at > now() - interval '90 days'
           ORDER BY k.address) AS known,
     ARRAY(SELECT k.seen_at > now() - interval '1 day' FROM known_addresses k
           WHERE k.user_id = u.id AND k.seen_at > now() - interval '90 days' ORDER BY k.address) AS fresh";

impl Addresses {
    /// # Errors
    /// Never: every text is a key.
    pub(super) fn new(secret: &Secret) -> std::result::Result<Self, InvalidSettings> {
        // HMAC accepts keys of any length, so none is left out.
        let keys = |text: &str| each_line(text).filter_map(|key| Hmac::new_from_slice(key.as_bytes()).ok()).collect();
        Ok(Self(Reloaded::new(secret, move |text| Ok(keys(text)))?))
    }

    /// The hash of the current request's address for an account.
    pub(super) fn here(&self, user: i64) -> Vec<u8> {
        self.of(&Sender::current(), user)
    }

    /// Whether the current request's address is one of those stored for an account.
    pub(super) fn is_here(&self, known: &[Vec<u8>], user: i64) -> bool {
        self.0.get().iter().any(|key| known.contains(&hash(key, &Sender::current(), user)))
    }

    /// The hash of a sender's address for an account.
    pub(super) fn of(&self, sender: &Sender, user: i64) -> Vec<u8> {
        self.0.get().first().map(|key| hash(key, sender, user)).unwrap_or_default()
    }
}

fn hash(key: &Hmac<Sha256>, sender: &Sender, user: i64) -> Vec<u8> {
    let mut mac = key.clone();
    mac.update(b"known-address\0");
    mac.update(&user.to_be_bytes());
    let network = sender.address.map_or_else(String::new, |address| network(address).to_string());
    mac.update(network.as_bytes());
    mac.finalize().into_bytes()[..16].to_vec()
}

/// Stores an address of an account; the twenty most recent ones are kept.
pub(super) async fn remember(connection: &mut PgConnection, user: i64, address: &[u8]) -> Result<()> {
    const SQL: &str = sql!(
        "WITH kept AS (
            SELECT address FROM known_addresses WHERE user_id = $1 AND address <> $2 ORDER BY seen_at DESC LIMIT 19
        ), gone AS (
            DELETE FROM known_addresses
            WHERE user_id = $1 AND address <> $2 AND address NOT IN (SELECT address FROM kept)
        )
        INSERT INTO known_addresses (user_id, address) SELECT id, $2 FROM users WHERE id = $1
        ON CONFLICT ON CONSTRAINT known_addresses_pkey DO UPDATE SET seen_at = now()"
    );
    sqlx::query(SQL).bind(user).bind(address).execute(connection).await?;
    Ok(())
}

/// Deletes all addresses of an account: they were used with the old password.
pub(super) async fn forget(connection: &mut PgConnection, user: i64) -> Result<()> {
    sqlx::query(sql!("DELETE FROM known_addresses WHERE user_id = $1")).bind(user).execute(connection).await?;
    Ok(())
}

/// Deletes addresses that were not used for 90 days, and returns their number.
///
/// # Errors
/// Those of the database.
pub async fn forget_old_addresses(database: &Database) -> Result<u64> {
    const SQL: &str = sql!(
            "DELETE FROM known_addresses WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM known_addresses WHERE seen_at <= now() - interval '90 days' LIMIT $1 FOR UPDATE SKIP LOCKED))");
    delete_in_slices(database, BATCH_ROWS, SQL).await
}
