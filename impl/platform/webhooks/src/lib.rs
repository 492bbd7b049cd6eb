//! Deliveries of webhooks and callbacks: written with the data they are about, signed, and sent until they are received or given up.
//!
//! A handler puts an [`OutgoingRequest`](contract::OutgoingRequest) into the table `webhook_deliveries` in the transaction that
//! writes what it tells of ([`Webhooks::put`]). A process of the service ([`Webhooks::run`]) claims what is due, sends it, and
//! deletes what was received. Postgres knows at every moment what is to be sent; nothing else is needed.
//!
//! # Guarantees
//!
//! - **At least once.** A request is sent if and only if the transaction that wrote it was committed. A claim is a lease: what a dead
//!   process had is sent by another one, with the same `webhook-id`, by which receivers tell that they know it already. There
//!   is no order.
//! - **Retries** as Standard Webhooks recommends: ten attempts in about three days; `Retry-After` is honoured, and 410 gives up at once. What
//!   was given up stays in the table for 30 days.
//! - **Receivers do not delay each other.** Each process sends 32 requests at a time, 4 of them to one host and 8 for one account, takes
//!   recipients and hosts in turn, and waits 15 s for a response.
//! - **Signatures** by Standard Webhooks, with a secret of each recipient ([`Webhooks::secret`]).
//! - **Receivers are strangers.** In production only public addresses are connected to, as they are resolved for the connection;
//!   redirects and proxies are not followed; of a response 64 KiB are read, and ignored.

mod address;
mod backlog;
mod claim;
mod deliver;
mod lanes;
mod metrics;
mod outcome;
mod put;
mod sender;
mod settle;
mod signature;
mod slots;
mod target;
mod tuning;
mod webhooks;

pub use tuning::{RETRIES, Tuning};
pub use webhooks::Webhooks;
