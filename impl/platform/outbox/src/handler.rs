//! What is done about messages: a handler for each topic.

use std::collections::HashMap;
use std::sync::Arc;

use futures_util::future::BoxFuture;
use platform::Result;
use sqlx::postgres::PgConnection;

use crate::message::Message;

/// Does what the messages of one topic ask for.
pub trait Handler: Send + Sync + 'static {
    /// The topic.
    const TOPIC: &'static str;
    /// What traces call the subject of a message.
    const SUBJECT: &'static str = "subject.id";

    /// Does what messages ask for, in the transaction that then deletes them: once, however often they are delivered. They are
    /// locked, in the order of their ids. What is to be told of one is noted in it: [`Message::outcome`], [`Message::reject`].
    ///
    /// This may run again, after a deadlock, so it must do nothing but talk to the database. An effect elsewhere that may get lost
    /// belongs into [`Handler::committed`]; one that may not needs a row of its own, which is deleted after it.
    ///
    /// # Errors
    /// Nothing is done then. Each message is tried alone, and only one that fails alone counts as failed.
    fn batch(&self, db: &mut PgConnection, messages: &mut [Message]) -> impl Future<Output = Result<()>> + Send;

    /// Compensates for a message that failed too often, in the transaction that makes it a dead letter.
    ///
    /// # Errors
    /// The message is tried again then.
    fn give_up(&self, _: &mut PgConnection, _: &mut Message) -> impl Future<Output = Result<()>> + Send {
        std::future::ready(Ok(()))
    }

    /// Hears of messages that are done, once the transaction is committed; not at all if the process ends in between.
    fn committed(&self, _: &[Message]) {}
}

/// A [`Handler`] as one of many.
pub(crate) trait DynHandler: Send + Sync {
    fn subject(&self) -> &'static str;
    fn batch<'a>(&'a self, db: &'a mut PgConnection, messages: &'a mut [Message]) -> BoxFuture<'a, Result<()>>;
    fn give_up<'a>(&'a self, db: &'a mut PgConnection, message: &'a mut Message) -> BoxFuture<'a, Result<()>>;
    fn committed(&self, messages: &[Message]);
}

impl<H: Handler> DynHandler for H {
    fn subject(&self) -> &'static str {
        H::SUBJECT
    }

    fn batch<'a>(&'a self, db: &'a mut PgConnection, messages: &'a mut [Message]) -> BoxFuture<'a, Result<()>> {
        Box::pin(Handler::batch(self, db, messages))
    }

    fn give_up<'a>(&'a self, db: &'a mut PgConnection, message: &'a mut Message) -> BoxFuture<'a, Result<()>> {
        Box::pin(Handler::give_up(self, db, message))
    }

    fn committed(&self, messages: &[Message]) {
        Handler::committed(self, messages);
    }
}

/// The handlers of a worker, by topic.
#[derive(Clone)]
pub struct Handlers {
    /// What traces call the process, as `service.name`.
    pub(crate) service: &'static str,
    topics: HashMap<&'static str, Arc<dyn DynHandler>>,
}

impl Handlers {
    /// No handler yet, of a process that traces call by this `service.name`.
    pub fn new(service: &'static str) -> Self {
        Self { service, topics: HashMap::new() }
    }

    /// One more.
    #[must_use]
    pub fn with<H: Handler>(mut self, handler: H) -> Self {
        self.topics.insert(H::TOPIC, Arc::new(handler));
        self
    }

    pub(crate) fn of(&self, topic: &str) -> Option<&dyn DynHandler> {
        self.topics.get(topic).map(|handler| &**handler)
    }
}
