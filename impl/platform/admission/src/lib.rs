//! Shares: of everything scarce one client holds only a part, so that no client can take it from the others.
//!
//! Who a request counts for is its [`Subject`]: the user once that is known, before that the address it came from. What is
//! scarce, and what bounds it:
//!
//! | resource | bound by |
//! |---|---|
//! | places of requests worked on, connections of the pools, cores that hash passwords | a [`Gate`]: a subject waits for its turn |
//! | statements that run long | a [`Gate`] of half a pool, before that of the pool |
//! | bytes of requests and answers in memory, event streams, connections of clients, page views that wait | a [`Stock`]: taken or refused |
//! | time of the database, of hashing, of computing; bytes sent | a [budget](enter), charged afterwards |
//!
//! Both gates and stocks use one rule (dynamic thresholds; Choudhury and Hahne, 1998): a subject may hold at most a multiple
//! of what would be left free. Nobody has to say how much a share is: alone a subject gets most of it, and the more there are
//! the less each may hold, and some is always left for whoever comes next. Where one waits, subjects are served in
//! turn, not in the order of their requests. Background work belongs to no subject; it waits in turn and has no share.

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
