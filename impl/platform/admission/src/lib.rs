//! Shares: of every scarce resource a client holds only a part, so that no client can starve the others.
//!
//! A request counts for its [`Subject`]: the user once that is known, before that the client's address. The scarce resources,
//! and what bounds them:
//!
//! | resource | bound by |
//! |---|---|
//! | requests in progress, connections of the pools, cores that hash passwords | a [`Gate`]: a subject waits for its turn |
//! | long-running statements | a [`Gate`] of half a pool, before that of the pool |
//! | bytes of requests and responses in memory, event streams, client connections, queued page views | a [`Stock`]: taken or rejected |
//! | database time, hashing time, CPU time; bytes sent | a [budget](enter), charged afterwards |
//!
//! Both gates and stocks use one rule (dynamic thresholds; Choudhury and Hahne, 1998): a subject may hold at most a multiple
//! of what would be left free. No share has to be configured: alone a subject gets most of the resource, and the more there are
//! the less each may hold, and some is always left for a new one. Where requests wait, subjects are served in turn, not in the
//! order of their requests. Background work belongs to no subject; it waits in turn and has no share.

mod budget;
mod entry;
mod gate;
mod measurements;
mod metered;
mod pace;
mod refusals;
mod requester;
mod sender;
mod shares;
mod stock;
mod subject;

pub use budget::Cost;
pub use entry::{enter, for_everybody, identify, too_many};
pub use gate::{Gate, Keep, Permit, Refused};
pub use metered::metered;
pub use refusals::TooMany;
pub use requester::Requester;
pub use sender::{Peer, Sender};
pub use shares::Shares;
pub use stock::{Exhausted, Stock, Taken};
pub use subject::{Subject, network};
