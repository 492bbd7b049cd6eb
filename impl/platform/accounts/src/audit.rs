//! The audit log: who did what to what, from where and when.
//!
//! An entry is written in the transaction of what it tells of, into a table that only grows, and told to the log target
//! `audit` once that is committed:
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
const BATCH: i64 = 1000;

macro_rules! actions {
    ($($variant:ident $name:literal $object:literal;)*) => {
        /// What is audited.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub enum Action {
            $(#[doc = concat!("`", $name, "`, of a `", $object, "`.")] $variant,)*
        }

        impl Action {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// As the table and the documents write it.
            pub fn name(self) -> &'static str {
                match self { $(Self::$variant => $name,)* }
            }

            /// What it is done to.
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
    ProjectDeleted "project.deleted" "project";
    TaskDeleted "task.deleted" "task";
    ProductDeleted "product.deleted" "product";
    DeadLetterDiscarded "dead_letter.discarded" "dead_letter";
    DeadLetterRequeued "dead_letter.requeued" "dead_letter";
    UserViewsErased "page_views.user_erased" "user";
    VisitorViewsErased "page_views.visitor_erased" "visitor";
    ViewsExported "page_views.exported" "page_views";
}

/// One entry, made while the request it tells of is being worked on.
#[derive(Debug, Clone)]
pub struct Entry {
    actor: Option<i64>,
    address: Option<IpAddr>,
    request: Option<String>,
    action: Action,
    object: Option<String>,
}

impl Entry {
    /// What a caller does to the object with this id.
    pub fn of(caller: &Principal, action: Action, object: impl ToString) -> Self {
        Self::by(Some(caller.user_id()), action).on(object)
    }

    /// What somebody does, who may have no token.
    pub fn by(actor: Option<i64>, action: Action) -> Self {
        let sender = Sender::current();
        let request = sender.request.as_ref().map(|id| id.0.to_string());
        Self { actor, address: sender.address, request, action, object: None }
    }

    /// The object it is done to.
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

    /// Writes it where the object was another's: what people do with their own things is nobody's business.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn write_unless_own(self, owner: i64, tx: &mut PgConnection) -> Result<Written> {
        if self.actor == Some(owner) { Ok(Written::default()) } else { self.write(tx).await }
    }

    /// Writes it; to be told when the transaction is committed.
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

/// What a transaction wrote.
#[derive(Debug, Clone, Default)]
#[must_use = "the log hears of it by `tell`, once it is committed"]
pub struct Written(Vec<Entry>);

impl Written {
    /// With what else the transaction wrote.
    pub fn add(&mut self, more: Self) {
        self.0.extend(more.0);
    }

    /// Tells the log.
    pub fn tell(self) {
        // The request's id is in every line that is written for it.
        for Entry { actor, address, request: _, action, object } in self.0 {
            let address = address.map(|address| address.to_string());
            tracing::info!(
                target: "audit",
                action = action.name(),
                actor,
                address,
                object_type = action.object(),
                object_id = object,
                "audited"
            );
        }
    }
}

/// Writes an entry whose effect is no transaction of Postgres, before that begins.
///
/// # Errors
/// Those of the database.
pub async fn write_alone(db: &Database, entry: Entry) -> Result<()> {
    db.write_once(move |mut tx| async move { entry.write(&mut tx).await }).await?.tell();
    Ok(())
}

/// Deletes entries that are older than 400 days, and tells how many.
///
/// # Errors
/// Those of the database.
pub async fn forget_old(database: &Database) -> Result<u64> {
    const SQL: &str = sql!("SELECT forget_audit_events($1::integer)");
    remove_in_slices(database, BATCH, |mut tx, most| async move {
        let gone: i64 = sqlx::query_scalar(SQL).bind(most).fetch_one(&mut *tx).await?;
        Ok(gone.cast_unsigned())
    })
    .await
}
