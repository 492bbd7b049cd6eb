//! The Redis stream between relay and workers: a wake-up notification that carries the ids of messages. Everything in it can be
//! lost without harm; what it should carry is told by the outbox.

use std::time::Duration;

use deadpool_redis::redis::aio::MultiplexedConnection;
use deadpool_redis::redis::{self, ErrorKind, RedisError, ServerErrorKind, Value};
use platform::{Cache, CacheError};

const GROUP: &str = "workers";
const FIELD: &str = "message";

/// The stream and its one group of consumers.
#[derive(Debug, Clone)]
pub struct Stream {
    cache: Cache,
    key: String,
}

/// An entry of the stream, delivered to a consumer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Entry {
    pub(crate) id: String,
    /// The id of the message it carries; as text what it holds instead, if that is not one of ours.
    pub(crate) message: Result<i64, String>,
    /// How often it was delivered.
    pub(crate) deliveries: u64,
}

impl Stream {
    /// A stream of this name, below the prefix of a Redis that loses nothing while it works.
    pub fn new(cache: Cache, name: &str) -> Self {
        Self { key: cache.key(name), cache }
    }

    /// A connection for [`Stream::read`].
    pub(crate) async fn connect(&self, block: Duration) -> Result<MultiplexedConnection, RedisError> {
        // A connection that went silent is given up after that.
        self.cache.dedicated(block + 2 * self.cache.timeout()).await
    }

    /// Appends messages; how long the stream is then.
    pub(crate) async fn append(&self, messages: &[i64]) -> Result<usize, CacheError> {
        let mut connection = self.cache.connection().await?;
        let mut commands = redis::pipe();
        for message in messages {
            commands.cmd("XADD").arg(&self.key).arg("*").arg(FIELD).arg(*message).ignore();
        }
        let (length,) = commands.cmd("XLEN").arg(&self.key).query_async(&mut connection).await?;
        Ok(length)
    }

    /// How many entries are not acknowledged yet.
    pub(crate) async fn len(&self) -> Result<usize, CacheError> {
        let mut connection = self.cache.connection().await?;
        Ok(redis::cmd("XLEN").arg(&self.key).query_async(&mut connection).await?)
    }

    /// Entries nobody was given, and entries that were given to somebody and are not acknowledged.
    pub(crate) async fn state(&self) -> Result<(i64, i64), CacheError> {
        let mut connection = self.cache.connection().await?;
        let length: i64 = redis::cmd("XLEN").arg(&self.key).query_async(&mut connection).await?;
        // By itself: the error of a pipeline does not tell which of its commands had which.
        let pending = redis::cmd("XPENDING").arg(&self.key).arg(GROUP).query_async::<Value>(&mut connection).await;
        let pending = match pending {
            Ok(Value::Array(summary)) => summary.first().and_then(integer).unwrap_or(0),
            Ok(_) => 0,
            // Before the first worker ran there is no group.
            Err(error) if is_missing_group(&error) => 0,
            Err(error) => return Err(error.into()),
        };
        Ok(((length - pending).max(0), pending))
    }

    /// Makes the group if there is none; whether it was made. It begins with what is in the stream.
    pub(crate) async fn ensure_group(&self, connection: &mut MultiplexedConnection) -> Result<bool, RedisError> {
        let mut command = redis::cmd("XGROUP");
        command.arg("CREATE").arg(&self.key).arg(GROUP).arg("0").arg("MKSTREAM");
        match command.query_async::<()>(connection).await {
            Ok(()) => Ok(true),
            Err(error) if error.code() == Some("BUSYGROUP") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Entries nobody was given yet; waits for one for as long as `block`.
    pub(crate) async fn read(
        &self,
        connection: &mut MultiplexedConnection,
        consumer: &str,
        count: usize,
        block: Option<Duration>,
    ) -> Result<Vec<Entry>, RedisError> {
        let mut command = redis::cmd("XREADGROUP");
        command.arg("GROUP").arg(GROUP).arg(consumer).arg("COUNT").arg(count);
        if let Some(block) = block {
            command.arg("BLOCK").arg(u64::try_from(block.as_millis()).unwrap_or(u64::MAX).max(1));
        }
        let answer: Value = command.arg("STREAMS").arg(&self.key).arg(">").query_async(connection).await?;
        // [[key, [entry, ...]]], or nil.
        Ok(match first(answer).and_then(|stream| array(stream)?.into_iter().nth(1)) {
            Some(list) => entries(list, 1),
            None => Vec::new(),
        })
    }

    /// Takes over entries that somebody was given at least `idle` ago and has not acknowledged.
    pub(crate) async fn claim(
        &self,
        connection: &mut MultiplexedConnection,
        consumer: &str,
        count: usize,
        idle: Duration,
    ) -> Result<Vec<Entry>, RedisError> {
        let idle = u64::try_from(idle.as_millis()).unwrap_or(u64::MAX);
        let mut command = redis::cmd("XPENDING");
        command.arg(&self.key).arg(GROUP).arg("IDLE").arg(idle).arg("-").arg("+").arg(count);
        let abandoned: Value = command.query_async(connection).await?;
        // [[id, consumer, idle, deliveries], ...]
        let abandoned: Vec<(String, u64)> = array(abandoned)
            .unwrap_or_default()
            .into_iter()
            .filter_map(|one| {
                let one = array(one)?;
                Some((text(one.first()?)?, u64::try_from(integer(one.get(3)?)?).ok()?))
            })
            .collect();
        if abandoned.is_empty() {
            return Ok(Vec::new());
        }
        let mut command = redis::cmd("XCLAIM");
        command.arg(&self.key).arg(GROUP).arg(consumer).arg(idle);
        abandoned.iter().for_each(|(id, _)| {
            command.arg(id);
        });
        let mut claimed = entries(command.query_async(connection).await?, 0);
        for entry in &mut claimed {
            let before = abandoned.iter().find(|(id, _)| *id == entry.id).map_or(0, |(_, deliveries)| *deliveries);
            entry.deliveries = before + 1;
        }
        Ok(claimed)
    }

    /// Acknowledges entries and removes them, so that what is left is what is to be done.
    pub(crate) async fn acknowledge(&self, entries: &[String]) -> Result<(), CacheError> {
        if entries.is_empty() {
            return Ok(());
        }
        let mut connection = self.cache.connection().await?;
        let mut commands = redis::pipe();
        commands.atomic();
        commands.cmd("XACK").arg(&self.key).arg(GROUP).arg(entries).ignore();
        commands.cmd("XDEL").arg(&self.key).arg(entries).ignore();
        commands.query_async::<()>(&mut connection).await?;
        Ok(())
    }

    /// Deletes consumers that are long gone and hold nothing; those that hold something would take it with them.
    pub(crate) async fn delete_consumers(&self, idle: Duration) -> Result<(), CacheError> {
        let mut connection = self.cache.connection().await?;
        let consumers: Value =
            redis::cmd("XINFO").arg("CONSUMERS").arg(&self.key).arg(GROUP).query_async(&mut connection).await?;
        for consumer in array(consumers).unwrap_or_default() {
            let fields = array(consumer).unwrap_or_default();
            let field = |name: &str| {
                fields.chunks_exact(2).find(|pair| text(&pair[0]).as_deref() == Some(name)).map(|pair| &pair[1])
            };
            let number = |name| field(name).and_then(integer).and_then(|number| u128::try_from(number).ok());
            let long_gone = number("idle").is_some_and(|now| now > idle.as_millis());
            if let (Some(name), Some(0), true) = (field("name").and_then(text), number("pending"), long_gone) {
                let mut command = redis::cmd("XGROUP");
                command.arg("DELCONSUMER").arg(&self.key).arg(GROUP).arg(name);
                command.query_async::<()>(&mut connection).await?;
            }
        }
        Ok(())
    }
}

/// Whether the stream or its group is not there: Redis was wiped, or this is the first start.
pub(crate) fn is_missing_group(error: &RedisError) -> bool {
    error.code() == Some("NOGROUP") || error.code() == Some("UNBLOCKED")
}

/// Whether the connection may still be used: the server has responded, if not with what was hoped for.
pub(crate) fn is_server_error(error: &RedisError) -> bool {
    matches!(error.kind(), ErrorKind::Server(kind) if !matches!(kind, ServerErrorKind::BusyLoading | ServerErrorKind::ReadOnly))
        || error.code().is_some_and(|code| code == "NOGROUP" || code == "UNBLOCKED")
}

/// `[[id, [field, value, ...]], ...]`
fn entries(list: Value, deliveries: u64) -> Vec<Entry> {
    let entry = |one: Value| {
        let mut parts = array(one)?.into_iter();
        let id = text(&parts.next()?)?;
        let fields = parts.next().and_then(array).unwrap_or_default();
        Some(Entry { id, message: message(&fields), deliveries })
    };
    array(list).unwrap_or_default().into_iter().filter_map(entry).collect()
}

fn message(fields: &[Value]) -> Result<i64, String> {
    let fields: Vec<String> = fields.iter().map(|field| text(field).unwrap_or_default()).collect();
    match fields.as_slice() {
        [name, value] if name == FIELD => value.parse().map_err(|_| fields.join(" ")),
        _ => Err(fields.join(" ")),
    }
}

fn array(value: Value) -> Option<Vec<Value>> {
    match value {
        Value::Array(values) => Some(values),
        _ => None,
    }
}

fn first(value: Value) -> Option<Value> {
    array(value)?.into_iter().next()
}

/// Whatever bytes somebody has put there, as text that Postgres can hold.
fn text(value: &Value) -> Option<String> {
    match value {
        Value::BulkString(bytes) => Some(String::from_utf8_lossy(bytes).replace('\0', "\u{fffd}")),
        Value::SimpleString(text) => Some(text.clone()),
        _ => None,
    }
}

fn integer(value: &Value) -> Option<i64> {
    match value {
        Value::Int(number) => Some(*number),
        _ => None,
    }
}
