//! The loop of a process: claims what is due, one mail after the other, and sends it.

use std::time::{Duration, Instant};

use chrono::Utc;
use platform::{Job, Result, backoff, jittered};
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use crate::claimed::Claimed;
use crate::connection::{Connection, Failure};
use crate::files;
use crate::mail::{Composed, masked};
use crate::mailer::Mailer;
use crate::queue::Next;
use crate::target::Target;

/// How long a shutdown waits for the mail that is being sent. If it is not finished, it is sent again, by another process.
const DRAIN_TIMEOUT: Duration = Duration::from_secs(10);
/// Between two log lines about a server that cannot be reached.
const LOG_INTERVAL: Duration = Duration::from_secs(60);

/// What a process knows of the server.
#[derive(Default)]
struct Link {
    /// Kept while there is something to send.
    connection: Option<Connection>,
    /// In a row.
    failures: u32,
    told: Option<Instant>,
}

/// What became of a round.
enum Round {
    Sent,
    NothingDue,
    Unreachable,
}

impl Mailer {
    /// Sends until it is told to stop; the mail that is being sent is finished.
    pub(crate) async fn send_all(self, shutdown: CancellationToken) {
        // Not of a mail server that is away: the service can do without it.
        let job = self.0.jobs.job("mail", self.0.tuning.lease());
        let drained = async {
            shutdown.cancelled().await;
            sleep(DRAIN_TIMEOUT).await;
        };
        tokio::select! {
            () = self.rounds(&job, &shutdown) => {}
            () = drained => tracing::warn!("a mail was still being sent at shutdown, and is sent again"),
        }
    }

    async fn rounds(&self, job: &Job, shutdown: &CancellationToken) {
        let mut link = Link::default();
        while !shutdown.is_cancelled() {
            let pause = match job.settle(self.round(&mut link).await) {
                Ok(Round::Sent) => continue,
                Ok(Round::Unreachable) => self.0.tuning.pause(link.failures, self.0.tuning.max_reconnect_pause),
                Ok(Round::NothingDue) | Err(_) => self.0.tuning.poll,
            };
            if let Some(connection) = link.connection.take() {
                connection.close(&self.0.tuning).await;
            }
            tokio::select! {
                () = shutdown.cancelled() => {}
                () = sleep(jittered(pause)) => {}
                () = self.0.woken.notified(), if link.failures == 0 => {}
            }
        }
    }

    /// Sends one mail.
    ///
    /// # Errors
    /// Those of the database.
    async fn round(&self, link: &mut Link) -> Result<Round> {
        let Some(mail) = self.claim().await? else { return Ok(Round::NothingDue) };
        let sent = match Composed::new(&mail, &self.0.from) {
            Ok(composed) => self.attempt(link, &mail, composed).await,
            Err(_) => Err(Failure::Rejected("the address of the recipient is none".to_owned())),
        };
        let (next, outcome, round) = match sent {
            Ok(()) => (Next::Delete, "sent", Round::Sent),
            Err(Failure::Unreachable(error)) => {
                self.unreachable(link, &error);
                (Next::Release, "unreachable", Round::Unreachable)
            }
            Err(Failure::Deferred(error)) => {
                let failures = u32::try_from(mail.attempts).unwrap_or_default() + 1;
                tracing::warn!(mail.id = %mail.id, to = masked(&mail.recipient), failures, error, "mail deferred");
                (Next::Retry(self.0.tuning.pause(failures, self.0.tuning.max_pause)), "deferred", Round::Sent)
            }
            Err(Failure::Rejected(error)) => {
                let (id, to) = (mail.id, masked(&mail.recipient));
                tracing::error!(mail.id = %id, to, subject = mail.subject, error, "mail rejected, and given up");
                (Next::Delete, "rejected", Round::Sent)
            }
        };
        self.0.metrics.count(outcome);
        self.settle(&mail, next).await;
        Ok(round)
    }

    async fn attempt(&self, link: &mut Link, mail: &Claimed, composed: Composed) -> Result<(), Failure> {
        let tuning = &self.0.tuning;
        match &*self.0.target.get() {
            Target::Files(folder) => {
                let written = files::write(folder, mail.id, composed.bytes).await;
                let path = written.map_err(|error| Failure::Unreachable(error.to_string()))?;
                let (to, file) = (masked(&mail.recipient), path.display().to_string());
                tracing::info!(to, subject = mail.subject, file, "mail written");
            }
            Target::Smtp(server) => {
                let mut connection = match link.connection.take() {
                    Some(connection) => connection,
                    None => Connection::open(server, self.0.from.email.domain(), tuning).await?,
                };
                link.failures = 0;
                connection.send(&composed, tuning).await?;
                link.connection = Some(connection);
                tracing::info!(mail.id = %mail.id, to = masked(&mail.recipient), subject = mail.subject, "mail sent");
            }
        }
        (link.failures, link.told) = (0, None);
        Ok(())
    }

    fn unreachable(&self, link: &mut Link, error: &str) {
        link.failures = link.failures.saturating_add(1);
        if link.told.is_none_or(|told| told.elapsed() >= LOG_INTERVAL) {
            link.told = Some(Instant::now());
            tracing::warn!(error, failures = link.failures, "mail server unreachable, mails wait");
        }
    }

    /// Writes down what is to be done next. While the database is unavailable this is tried until the lease ends; then the mail is sent again.
    async fn settle(&self, mail: &Claimed, next: Next) {
        let mut attempt = 0;
        while let Err(error) = self.write(mail, next).await {
            attempt += 1;
            tracing::debug!(%error, mail.id = %mail.id, "the outcome of a mail was not written");
            if Utc::now() >= mail.lease {
                return;
            }
            sleep(backoff(attempt)).await;
        }
    }
}
