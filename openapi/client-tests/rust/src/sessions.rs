//! Sessions: refreshed when they expire, once for all clones and requests, stored and continued, ended.
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use schema_first_client::models::Signup;
use schema_first_client::{Addresses, Client, Error, SessionTokens};

use crate::failures::{answer, served};
use crate::outcome::{Outcome, refused};

const PASSWORD: &str = "correct horse";

/// Who signs in, and where.
struct Account {
    addresses: Addresses,
    email: String,
}

impl Account {
    fn connect(&self) -> Client {
        Client::new(self.addresses.clone())
    }
}

/// A client that has just signed in, and what it reports from then on.
struct SignedIn {
    client: Client,
    session: SessionTokens,
    reported: Arc<Mutex<Vec<Option<SessionTokens>>>>,
}

impl SignedIn {
    async fn new(account: &Account) -> Outcome<Self> {
        let client = account.connect();
        let reported: Arc<Mutex<Vec<Option<SessionTokens>>>> = Arc::default();
        let list = reported.clone();
        client.on_session(move |tokens| list.lock().unwrap_or_else(PoisonError::into_inner).push(tokens.cloned()));
        client.sign_in(&account.email, PASSWORD).await?;
        let session = client.session().ok_or("no session")?;
        let given = Self { client, session, reported };
        assert_eq!(given.reported(), [Some(given.session.clone())]);
        Ok(given)
    }

    /// Since the last time.
    fn reported(&self) -> Vec<Option<SessionTokens>> {
        std::mem::take(&mut *self.reported.lock().unwrap_or_else(PoisonError::into_inner))
    }

    async fn email(&self) -> Result<String, Error> {
        Ok(self.client.get_me().await?.email)
    }

    /// Of requests that are made at the same time by clones.
    async fn at_once(&self, count: usize) -> Outcome<Vec<Result<String, Error>>> {
        let ask = |client: Client| async move { client.get_me().await.map(|user| user.email) };
        let tasks: Vec<_> = (0..count).map(|_| tokio::spawn(ask(self.client.clone()))).collect();
        let mut results = Vec::new();
        for task in tasks {
            results.push(task.await?);
        }
        Ok(results)
    }
}

fn expired(session: &SessionTokens) -> SessionTokens {
    SessionTokens { expires_at: Default::default(), ..session.clone() }
}

fn invalid(session: &SessionTokens) -> SessionTokens {
    SessionTokens { access_token: "no-token-of-any-service".into(), ..session.clone() }
}

/// All of it, as a new user of this run.
pub async fn scenario(run: &str, addresses: Addresses) -> Outcome<()> {
    let account = Account { addresses, email: format!("{run}-sessions@client.test") };
    account.connect().signup(&Signup::new(account.email.clone(), PASSWORD.into())).await?;
    refreshed(&account).await?;
    twenty_at_once(&account).await?;
    cancelled(&account).await?;
    ended_elsewhere(&account).await?;
    signed_out(&account).await?;
    sent_as_they_are(&account).await?;
    not_for_now().await?;
    println!("rust, sessions: ok");
    Ok(())
}

/// Before a request or after it, and by the client that continues a session.
async fn refreshed(account: &Account) -> Outcome<()> {
    for spoil in [expired, invalid] {
        let given = SignedIn::new(account).await?;
        given.client.set_token(None);
        assert_eq!(given.client.session(), None);
        let next = account.connect();
        next.set_session(Some(spoil(&given.session)));
        assert_eq!(next.get_me().await?.email, account.email);
        let session = next.session().ok_or("no session")?;
        assert_ne!(session.refresh_token, given.session.refresh_token);
        next.get_me().await?;
        assert_eq!(next.session(), Some(session), "the new one is not expired");
    }
    Ok(())
}

/// A refresh token that is sent twice ends the session, and one more refresh would be reported.
async fn twenty_at_once(account: &Account) -> Outcome<()> {
    for spoil in [expired, invalid] {
        let given = SignedIn::new(account).await?;
        given.client.set_session(Some(spoil(&given.session)));
        for result in given.at_once(20).await? {
            assert_eq!(result?, account.email);
        }
        assert_eq!(given.reported(), [given.client.session()]);
        assert_eq!(given.email().await?, account.email, "the session goes on");
    }
    Ok(())
}

/// A request that is cancelled while it refreshes does not lose the new refresh token.
async fn cancelled(account: &Account) -> Outcome<()> {
    let given = SignedIn::new(account).await?;
    given.client.set_session(Some(expired(&given.session)));
    let late = tokio::time::timeout(Duration::from_micros(500), given.client.get_me()).await;
    assert!(late.is_err(), "{late:?}");
    assert_eq!(given.email().await?, account.email);
    assert_eq!(given.reported(), [given.client.session()]);
    Ok(())
}

/// The response says so, and the session is forgotten.
async fn ended_elsewhere(account: &Account) -> Outcome<()> {
    for spoil in [expired, SessionTokens::clone] {
        let given = SignedIn::new(account).await?;
        account.connect().revoke_token(&given.session.refresh_token).await?;
        given.client.set_session(Some(spoil(&given.session)));
        for result in given.at_once(5).await? {
            refused(result, 401, "invalid_token")?;
        }
        assert_eq!((given.reported(), given.client.session(), given.client.token()), (vec![None], None, None));
        refused(given.email().await, 401, "missing_token")?;
    }
    Ok(())
}

async fn signed_out(account: &Account) -> Outcome<()> {
    let given = SignedIn::new(account).await?;
    given.client.sign_out().await?;
    assert_eq!((given.reported(), given.client.session()), (vec![None], None));
    given.client.set_session(Some(given.session.clone()));
    refused(given.email().await, 401, "invalid_token")?;
    Ok(())
}

/// Tokens that are set by hand, and requests about tokens.
async fn sent_as_they_are(account: &Account) -> Outcome<()> {
    let given = SignedIn::new(account).await?;
    given.client.set_token(Some("no-token-of-any-service".into()));
    refused(given.email().await, 401, "invalid_token")?;
    given.client.set_session(Some(invalid(&given.session)));
    refused(given.client.logout().await, 401, "invalid_token")?;
    assert!(given.reported().is_empty());
    Ok(())
}

/// What cannot be refreshed for now is an error, and the session is kept; the request was not sent, since this service responds once.
async fn not_for_now() -> Outcome<()> {
    let client = Client::gateway(&served(&answer("503 Service Unavailable", "busy"))?);
    let session = SessionTokens { access_token: "a".into(), expires_at: Default::default(), refresh_token: "r".into() };
    client.set_session(Some(session.clone()));
    let failed = client.get_me().await;
    let Err(Error::Refresh(cause)) = &failed else { return Err(format!("{failed:?}").into()) };
    assert!(matches!(&**cause, Error::Unexpected(answer) if answer.status.as_u16() == 503), "{cause:?}");
    assert_eq!(client.session(), Some(session.clone()));
    // Nobody listens any more.
    let failed = client.get_me().await;
    assert!(matches!(&failed, Err(Error::Refresh(cause)) if matches!(&**cause, Error::Transport(_))), "{failed:?}");
    assert_eq!(client.session(), Some(session));
    Ok(())
}
