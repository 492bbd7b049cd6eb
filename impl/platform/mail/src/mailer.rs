//! The mail of a service, in one process.

use std::fmt;
use std::sync::Arc;
use std::time::Duration;

use lettre::message::Mailbox;
use platform::settings::{Environment, InvalidSettings, Reloaded};
use platform::{Database, Jobs, Result, keep};
use tokio::sync::Notify;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use url::Url;

use crate::metrics::Metrics;
use crate::settings::{Chosen, MailSettings};
use crate::target::Target;
use crate::tuning::Tuning;

const GAUGES_INTERVAL: Duration = Duration::from_secs(15);

/// The mail of a service. Clones are one.
#[derive(Clone)]
pub struct Mailer(pub(crate) Arc<Inner>);

pub(crate) struct Inner {
    pub(crate) database: Database,
    pub(crate) target: Reloaded<Target>,
    pub(crate) from: Mailbox,
    link_url: String,
    pub(crate) tuning: Tuning,
    pub(crate) woken: Notify,
    pub(crate) jobs: Jobs,
    pub(crate) metrics: Metrics,
}

impl Mailer {
    /// The mail of the settings; `None` where they have none.
    ///
    /// # Errors
    /// When something is missing in the settings, or no address or URL.
    pub fn new(
        database: Database,
        settings: &MailSettings,
        environment: Environment,
    ) -> Result<Option<Self>, InvalidSettings> {
        Self::tuned(database, settings, environment, Tuning::default())
    }

    /// The same with other times.
    ///
    /// # Errors
    /// When something is missing in the settings, or no address or URL.
    pub fn tuned(
        database: Database,
        settings: &MailSettings,
        environment: Environment,
        tuning: Tuning,
    ) -> Result<Option<Self>, InvalidSettings> {
        let Some(Chosen { url, from, link_url }) = settings.chosen(environment)? else { return Ok(None) };
        let from = from.parse().map_err(|_| {
            InvalidSettings("MAIL_FROM must be an address, such as Example <no-reply@example.com>".to_owned())
        })?;
        Ok(Some(Self(Arc::new(Inner {
            database,
            target: Reloaded::new(&url, Target::parse)?,
            from,
            link_url: base(&link_url)?,
            tuning,
            woken: Notify::new(),
            jobs: Jobs::default(),
            metrics: Metrics::default(),
        }))))
    }

    /// A link to one of the frontend's pages, with a token. It is a fragment, which browsers send to nobody.
    pub fn link(&self, page: &str, token: &str) -> String {
        format!("{}/{page}#token={token}", self.0.link_url)
    }

    /// How often one looks for what is due and of which nobody has told.
    pub fn poll(&self) -> Duration {
        self.0.tuning.poll
    }

    /// Saves what was queued and committed the wait until the next poll.
    pub fn wake(&self) {
        self.0.woken.notify_one();
    }

    /// Counts a mail that was not queued, because too many were sent to its recipient.
    pub fn limited(&self) {
        self.0.metrics.count("limited");
    }

    /// What goes on in the background, to be watched.
    pub fn jobs(&self) -> &Jobs {
        &self.0.jobs
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &platform::http::Metrics) {
        self.0.metrics.register(metrics);
    }

    /// Sends until shutdown. What is being sent then is finished within ten seconds; what is not is sent again.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        keep(&mut tasks, self, &shutdown, Self::send_all);
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            let gauges = this.0.jobs.job("mail gauges", GAUGES_INTERVAL).at_once();
            gauges.every(GAUGES_INTERVAL, end, || this.look_around()).await;
        });
        tasks.join_all().await;
    }

    async fn look_around(&self) -> Result<()> {
        self.forget_expired().await?;
        self.0.metrics.measure(&self.0.database).await
    }
}

impl fmt::Debug for Mailer {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("Mailer").field("from", &self.0.from.email).finish_non_exhaustive()
    }
}

/// A URL to which a page and a fragment can be added.
fn base(text: &str) -> Result<String, InvalidSettings> {
    let url = Url::parse(text).ok().filter(|url| matches!(url.scheme(), "http" | "https"));
    let url = url.filter(|url| url.query().is_none() && url.fragment().is_none() && url.username().is_empty());
    let form = "MAIL_LINK_URL must be the address of a page, without ? and #, such as https://app.example.com/account";
    let url = url.ok_or_else(|| InvalidSettings(form.to_owned()))?;
    Ok(url.as_str().trim_end_matches('/').to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_have_the_pages_of_the_frontend() {
        assert_eq!(base("https://app.example.com").expect("a URL"), "https://app.example.com");
        assert_eq!(base("http://localhost:3000/my account/").expect("a URL"), "http://localhost:3000/my%20account");
        for text in ["", "app.example.com", "javascript:alert(1)", "https://x/?a=1", "https://x/#a", "https://a:b@x/"] {
            assert!(base(text).is_err(), "{text}");
        }
    }
}
