//! The flows of a service, and what they do in the background.

use std::fmt;
use std::time::Duration;

use contract::Problem;
use platform::identity::{Accounts, EmailRequest, Principal};
use platform::settings::{Environment, InvalidSettings};
use platform::{Database, Guard, Jobs, Result, Transaction, keep};
use platform_mail::{MailSettings, Mailer};
use sqlx::PgConnection;
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;

use crate::letters;

/// How often what nobody needs any more is deleted.
const TIDYING_INTERVAL: Duration = Duration::from_secs(600);
/// `Retry-After` where no mail is sent: until somebody has changed the settings.
const NO_MAIL_SECONDS: u32 = 600;
/// `Retry-After` when too many requests wait: they are looked at within seconds.
const FULL_SECONDS: u32 = 10;

/// The flows of a service. Clones are one.
#[derive(Clone)]
pub struct AccountMail {
    pub(crate) database: Database,
    pub(crate) accounts: Accounts,
    /// Absent where no mail is sent.
    pub(crate) mailer: Option<Mailer>,
    jobs: Jobs,
}

impl AccountMail {
    /// The flows, with the mail of these settings.
    ///
    /// # Errors
    /// When the settings are invalid.
    pub fn new(
        database: Database,
        accounts: Accounts,
        settings: &MailSettings,
        environment: Environment,
    ) -> Result<Self, InvalidSettings> {
        let mailer = Mailer::new(database.clone(), settings, environment)?;
        Ok(Self::with_mailer(database, accounts, mailer))
    }

    /// The flows with this mail; without one requests for any are rejected with 503.
    pub fn with_mailer(database: Database, accounts: Accounts, mailer: Option<Mailer>) -> Self {
        Self { database, accounts, mailer, jobs: Jobs::default() }
    }

    /// The accounts.
    pub fn accounts(&self) -> &Accounts {
        &self.accounts
    }

    /// Whether mail is sent at all.
    pub fn is_sent(&self) -> bool {
        self.mailer.is_some()
    }

    /// Has a mail sent to the caller's address, unless it is verified.
    ///
    /// # Errors
    /// 503 `mail_unavailable`.
    pub async fn send_verification(&self, caller: &Principal) -> Result<()> {
        self.ask(EmailRequest::Verification(caller.user_id())).await
    }

    /// Has a mail sent to the address that the caller wants to have, and one to that which they have. Whether another account has the
    /// address is told to nobody but its owner.
    ///
    /// # Errors
    /// 403 `session_required`, `wrong_password`; 429 as the guard decides; 503 `mail_unavailable`.
    pub async fn request_change(
        &self,
        guard: Guard<'_>,
        caller: &Principal,
        email: String,
        current_password: String,
    ) -> Result<()> {
        caller.must_have_logged_in()?;
        self.mailer()?;
        self.accounts.prove(guard, caller, current_password).await?;
        self.ask(EmailRequest::Change(caller.user_id(), email)).await
    }

    /// Has a mail sent to the account with this e-mail, if there is one.
    ///
    /// # Errors
    /// 503 `mail_unavailable`.
    pub async fn request_reset(&self, email: String) -> Result<()> {
        self.ask(EmailRequest::Reset(email)).await
    }

    async fn ask(&self, request: EmailRequest) -> Result<()> {
        self.mailer()?;
        let write = move |mut tx: Transaction| async move { request.write(&mut tx).await };
        match self.database.write_once(write).await? {
            true => Ok(()),
            false => Err(unavailable("Too many requests for mail; try again later.", FULL_SECONDS).into()),
        }
    }

    fn mailer(&self) -> Result<&Mailer> {
        Ok(self.mailer.as_ref().ok_or_else(|| unavailable("This service sends no mail.", NO_MAIL_SECONDS))?)
    }

    /// Asks the user of an account that somebody else created to verify the address.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn user_created(&self, db: &mut PgConnection, user: i64) -> Result<()> {
        if self.is_sent() {
            EmailRequest::Verification(user).write(db).await?;
        }
        Ok(())
    }

    /// Tells both addresses of an account that it has another e-mail now; the new one is asked to be verified.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn email_changed(&self, db: &mut PgConnection, user: i64, old: &str, new: &str) -> Result<()> {
        let Some(mailer) = &self.mailer else { return Ok(()) };
        letters::queue(db, mailer, &letters::EMAIL_CHANGED, user, old, &[("email", new)]).await?;
        EmailRequest::Verification(user).write(db).await?;
        Ok(())
    }

    /// Tells the owner of an account that it has another password now.
    ///
    /// # Errors
    /// Those of the database.
    pub async fn password_changed(&self, db: &mut PgConnection, user: i64, email: &str) -> Result<()> {
        let Some(mailer) = &self.mailer else { return Ok(()) };
        letters::queue(db, mailer, &letters::PASSWORD_CHANGED, user, email, &[]).await
    }

    /// Saves what was queued and committed the wait until the next poll.
    pub fn wake(&self) {
        self.mailer.iter().for_each(Mailer::wake);
    }

    /// What goes on in the background, to be watched.
    pub fn jobs(&self) -> Vec<Jobs> {
        self.mailer.iter().map(Mailer::jobs).chain([&self.jobs]).cloned().collect()
    }

    /// Adds what it measures to a service's measurements.
    pub fn register(&self, metrics: &platform::http::Metrics) {
        self.mailer.iter().for_each(|mailer| mailer.register(metrics));
    }

    /// Looks at requests and sends mail, until shutdown.
    pub async fn run(&self, shutdown: CancellationToken) {
        let mut tasks = JoinSet::new();
        if let Some(mailer) = &self.mailer {
            let (mailer, end, poll) = (mailer.clone(), shutdown.clone(), mailer.poll());
            tasks.spawn(async move { mailer.run(end).await });
            keep(&mut tasks, self, &shutdown, move |this, end| async move {
                let requests = this.jobs.job("mail requests", poll).at_once();
                requests.every(poll, end, || this.compose_all()).await;
            });
        }
        keep(&mut tasks, self, &shutdown, |this, end| async move {
            let tidying = this.jobs.job("mail tidying", TIDYING_INTERVAL).at_once();
            tidying.every(TIDYING_INTERVAL, end, || this.tidy()).await;
        });
        tasks.join_all().await;
    }
}

fn unavailable(detail: &'static str, seconds: u32) -> Problem {
    Problem::unavailable("mail_unavailable", detail, seconds)
}

impl fmt::Debug for AccountMail {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.debug_struct("AccountMail").field("mailer", &self.mailer).finish_non_exhaustive()
    }
}
