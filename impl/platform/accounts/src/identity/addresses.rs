//! Where an account was used from with the right password. From there its owner gets in, whatever strangers do elsewhere.

use hmac::{Hmac, KeyInit, Mac};
use platform_admission::{Sender, network};
use platform_store::slices::delete_in_slices;
use platform_store::{Database, Result, sql};
use sha2::Sha256;
use sqlx::PgConnection;

/// Rows deleted by one statement.
const BATCH: i64 = 1000;

/// Addresses as the database knows them: hashes whose key it does not have, another for each account.
pub(super) struct Addresses(Option<Hmac<Sha256>>);

/// Columns of a statement that selects from `users u`: the account's addresses, and of each whether it is fresh enough to be
/// left as it is.
pub(super) const KNOWN: &str =
    "ARRAY(SELECT k.address FROM known_addresses k WHERE k.user_id = u.id AND k.seen_at > now() - interval '90 days'
           ORDER BY k.address) AS known,
     ARRAY(SELECT k.seen_at > now() - interval '1 day' FROM known_addresses k
           WHERE k.user_id = u.id AND k.seen_at > now() - interval '90 days' ORDER BY k.address) AS fresh";

impl Addresses {
    pub(super) fn new(signing_key: &[u8]) -> Self {
        // A key of any length will do, so there is one.
        Self(Hmac::new_from_slice(signing_key).ok())
    }

    /// The address of the request that is being worked on, as the account's.
    pub(super) fn here(&self, user: i64) -> Vec<u8> {
        self.of(&Sender::current(), user)
    }

    /// The address of a sender, as the account's.
    pub(super) fn of(&self, sender: &Sender, user: i64) -> Vec<u8> {
        let Some(mut mac) = self.0.clone() else { return Vec::new() };
        mac.update(b"known-address\0");
        mac.update(&user.to_be_bytes());
        let network = sender.address.map_or_else(String::new, |address| network(address).to_string());
        mac.update(network.as_bytes());
        mac.finalize().into_bytes()[..16].to_vec()
    }
}

/// Remembers an address of an account; the twenty that were used last stay.
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

/// Forgets them all: whoever knew the password before is to be a stranger.
pub(super) async fn forget(connection: &mut PgConnection, user: i64) -> Result<()> {
    sqlx::query(sql!("DELETE FROM known_addresses WHERE user_id = $1")).bind(user).execute(connection).await?;
    Ok(())
}

/// Deletes addresses that were not used for 90 days, and tells how many.
///
/// # Errors
/// Those of the database.
pub async fn forget_old_addresses(database: &Database) -> Result<u64> {
    const SQL: &str = sql!(
            "DELETE FROM known_addresses WHERE ctid = ANY (ARRAY(
            SELECT ctid FROM known_addresses WHERE seen_at <= now() - interval '90 days' LIMIT $1 FOR UPDATE SKIP LOCKED))");
    delete_in_slices(database, BATCH, SQL).await
}
