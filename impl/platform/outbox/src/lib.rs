//! A transactional outbox: what is to be done because of a write is committed together with it, and done afterwards.
//!
//! A service puts a [`Message`] into the table `outbox` in the transaction that writes what the message is about ([`put`]). A relay
//! ([`Outbox::relay`]) appends the ids of messages to a Redis stream; workers ([`Outbox::work`]) read the stream and have the
//! [`Handler`] of a message's topic do what it asks for, in one transaction that also deletes it. So Postgres knows at every moment
//! what is to be done, and Redis only tells when to look.
//!
//! # Guarantees
//!
//! - **At least once, and once in Postgres.** A message is there if and only if the transaction that wrote it was committed. Whatever
//!   Redis loses is published again, without Redis the workers poll the table, what it does not accept they take from the table after a
//!   second, and what a dead worker had is taken over. What
//!   a handler writes in its transaction happens exactly once; what it does elsewhere may happen again.
//! - **Order** is that of ids within a batch, and about that of writing between batches: several workers, retries and late commits
//!   change it. A handler that needs an order must look at its own data, as under the locks it takes.
//! - **Retries.** What fails is tried alone, so that it delays no others: six times, with pauses of 0.2 to 5 s and jitter. Failures
//!   are counted in Postgres; deliveries count only when a message was delivered 25 times without anybody living to count.
//! - **Dead letters.** What failed too often, has a topic without a handler, or was [rejected](Message::reject) is moved to the table
//!   `dead_letters` with its payload and a reason, in the transaction in which the handler compensates ([`Handler::give_up`]).
//!
//! # Using it
//!
//! One worker may have handlers of many topics. A service with workers of its own has tables of its own as well, in a schema that is
//! the first in the search path of its role: a worker makes dead letters of topics that it does not know.
//!
//! ```
//! use platform::{Database, Result, Transaction};
//! use platform_outbox::{Handler, Handlers, Message, Outbox, Stream, put};
//! use sqlx::postgres::PgConnection;
//!
//! struct Mail;
//!
//! impl Handler for Mail {
//!     const TOPIC: &'static str = "mail.requested";
//!
//!     async fn batch(&self, db: &mut PgConnection, messages: &mut [Message]) -> Result<()> {
//!         for message in messages {
//!             match message.payload.split_once(' ') {
//!                 Some((address, text)) => {
//!                     let insert = sqlx::query("INSERT INTO mails (message, address, text) VALUES ($1, $2, $3)");
//!                     insert.bind(message.id).bind(address).bind(text).execute(&mut *db).await?;
//!                     message.outcome = Some("queued");
//!                 }
//!                 None => message.reject("the message has no address"),
//!             }
//!         }
//!         Ok(())
//!     }
//! }
//!
//! /// In a handler of a request: what it writes and the message are committed together.
//! async fn write(db: &Database, outbox: &Outbox) -> Result<()> {
//!     let write = |mut tx: Transaction| async move { put(&mut tx, Mail::TOPIC, None, "a@example.com Hello", None).await };
//!     db.write(write).await?;
//!     outbox.wake();
//!     Ok(())
//! }
//!
//! /// In a worker.
//! fn work(db: Database, redis: Option<platform::Cache>, shutdown: tokio_util::sync::CancellationToken) {
//!     let outbox = Outbox::new(db, redis.map(|redis| Stream::new(redis, "mails")));
//!     let mut tasks = tokio::task::JoinSet::new();
//!     outbox.work(&mut tasks, &shutdown, Handlers::new("mail-worker").with(Mail));
//! }
//! ```

mod background;
mod batch;
mod deliveries;
pub mod failpoints;
mod handler;
mod message;
mod metrics;
mod outbox;
mod processor;
mod reaper;
mod relay;
mod stream;
mod trace;
pub mod verify;
mod worker;

pub use handler::{Handler, Handlers};
pub use message::{Message, OUTBOX, put};
pub use metrics::QueueState;
pub use outbox::Outbox;
pub use stream::Stream;
pub use worker::Worker;
