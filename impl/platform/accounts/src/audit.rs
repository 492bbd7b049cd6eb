//! The audit log: who did what to which object, from where and when.
//!
//! An entry is written in the transaction of its action, into an append-only table, and logged with the target `audit` once that
//! is committed:
//!
//! ```ignore
//! let entry = audit::Entry::of(&caller, Action::DeadLetterDiscarded, id);
//! let (letter, written) = db.write(move |mut tx| async move {
//!     let letter = discard(&mut tx, id).await?;
//!     Ok((letter, entry.write(&mut tx).await?))
//! }).await?;
//! written.tell();
//! ```

use std::net::IpAddr;

use platform_admission::Sender;
use platform_store::slices::remove_in_slices;
use platform_store::{Database, Result, sql};
use sqlx::PgConnection;

use crate::identity::Principal;

/// Rows deleted by one statement.
const BATCH_ROWS: i64 = 1000;

macro_rules! actions {
    ($($variant:ident $name:literal $object:literal;)*) => {
        /// The audited actions.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`, of a `", $object, "`.")] $variant,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// The name in the table and the documents.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// The kind of object it applies to.
            pub fn object(self) -> &'static str {
                match self { $(Self::$variant => $object,)* }
            }
        }
    };
}

actions! {
    UserCreated "user.created" "user";
    UserDeleted "user.deleted" "user";
    UserActivated "user.activated" "user";
    UserDeactivated "user.deactivated" "user";
    SuperuserGranted "user.superuser_granted" "user";
    SuperuserRevoked "user.superuser_revoked" "user";
    EmailChanged "user.email_changed" "user";
    PasswordChanged "user.password_changed" "user";
    DeletionScheduled "user.deletion_scheduled" "user";
    DeletionCancelled "user.deletion_cancelled" "user";
    DataExported "user.data_exported" "user";
    PasswordReset "user.password_reset" "user";
    SessionEnded "session.ended" "session";
    RefreshTokenReused "session.token_reused" "session";
    SessionsEnded "sessions.ended" "user";
    ApiTokenCreated "api_token.created" "api_token";
    ApiTokenRevoked "api_token.revoked" "api_token";
    OpenIdLogin "openid.login" "openid_identity";
    OpenIdLinked "openid.linked" "openid_identity";
    OpenIdUnlinked "openid.unlinked" "openid_identity";
    TotpEnabled "totp.enabled" "user";
    TotpDisabled "totp.disabled" "user";
    RecoveryCodesReplaced "recovery_codes.replaced" "user";
    RecoveryCodeUsed "recovery_code.used" "user";
    PasskeyCreated "passkey.created" "passkey";
    PasskeyDeleted "passkey.deleted" "passkey";
    ProjectDeleted "project.deleted" "project";
    TaskDeleted "task.deleted" "task";
    ProductDeleted "product.deleted" "product";
    DeadLetterDiscarded "dead_letter.discarded" "dead_letter";
    DeadLetterRequeued "dead_letter.requeued" "dead_letter";
    UserViewsErased "page_views.user_erased" "user";
    VisitorViewsErased "page_views.visitor_erased" "visitor";
    ViewsExported "page_views.exported" "page_views";
}

/// One entry, created while its request is processed.
#[derive(Debug, Clone)]
pub struct Entry {
    actor: Option<i64>,
    address: Option<IpAddr>,
    request: Option<String>,
    action: Action,
    object: Option<String>,
}

impl Entry {
    /// An action of a caller on the object with this id.
    pub fn of(caller: &Principal, action: Action, object: impl ToString) -> Self {
        Self::by(Some(caller.user_id()), action).on(object)
    }

    /// An action of a user, or of an unauthenticated client.
    pub fn by(actor: Option<i64>, action: Action) -> Self {
        let sender = Sender::current();
        let request = sender.request.as_ref().map(|id| id.0.to_string());
        Self { actor, address: sender.address, request, action, object: None }
    }

    /// Sets the object of the action.
    #[must_use]
    pub fn on(mut self, object: impl ToString) -> Self {
        self.object = Some(object.to_string());
        self
    }

    /// Another action of the same request.
    #[must_use]
    pub fn and(&self, action: Action) -> Self {
        Self { action, ..self.clone() }
    }

    /// Writes it unless the caller owns the object: what users do with their own data is not audited.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write_unless_own(self, owner: i64, tx: &mut PgConnection) -> Result<Written> {
        Self::write_any((self.actor != Some(owner)).then_some(self), tx).await
    }

    /// Writes an entry, if there is one.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write_any(entry: Option<Self>, tx: &mut PgConnection) -> Result<Written> {
        match entry {
            Some(entry) => entry.write(tx).await,
            None => Ok(Written::default()),
        }
    }

    /// Writes it; it must be logged when the transaction is committed.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write(self, tx: &mut PgConnection) -> Result<Written> {
        const SQL: &str = sql!(
            "INSERT INTO audit_events (actor_id, address, action, object_type, object_id, request_id)
            VALUES ($1, $2::text::inet, $3, $4, $5, $6)"
        );
        sqlx::query(SQL)
            .bind(self.actor)
            .bind(self.address.map(|address| address.to_string()))
            .bind(self.action.name())
            .bind(self.action.object())
            .bind(&self.object)
            .bind(&self.request)
            .execute(tx)
            .await?;
        Ok(Written(vec![self]))
    }
}

/// Entries that a transaction wrote, to be logged after its commit.
#[derive(Debug, Clone, Default)]
#[must_use = "the log hears of it by `tell`, once it is committed"]
pub struct Written(Vec<Entry>);

impl Written {
    /// Adds further entries of the transaction.
    pub fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Logs the entries.
    pub fn tell(self) {
        // The request id is in every log line of the request.
        for Entry { actor, address, request: _, action, object } in self.0 {
            let (user, client) = (actor.map(tracing::field::display), address.map(tracing::field::display));
            let (action, object_type) = (action.name(), action.object());
            tracing::info!(target: "audit", {
                action, enduser.id = user, client.address = client, object_type, object_id = object
            }, "audit event");
        }
    }
}

/// Writes an entry whose action is no transaction of Postgres, before the action.
///
/// # Errors
/// Those of the database.
pub async fn write_alone(db: &Database, entry: Entry) -> Result<()> {
    db.write_once(move |mut tx| async move { entry.write(&mut tx).await }).await?.tell();
    Ok(())
}

/// Deletes entries that are older than 400 days, and returns their number.
///
/// # Errors
/// Those of the database.
pub async fn forget_old(database: &Database) -> Result<u64> {
    const SQL: &str = sql!("SELECT forget_audit_events($1::integer)");
    remove_in_slices(database, BATCH_ROWS, |mut tx, most| async move {
        let gone: i64 = sqlx::query_scalar(SQL).bind(most).fetch_one(&mut *tx).await?;
        Ok(gone.cast_unsigned())
    })
    .await
}
