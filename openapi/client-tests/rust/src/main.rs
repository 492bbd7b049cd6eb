//! The scenario that every client runs (see ../run), in Rust: signing up, in and out, and between them what each service has in its
//! own folder, client-tests/scenario.rs (see build.rs). RUN makes names of this run different from those of others.
mod failures;
mod outcome;
mod services {
    include!(concat!(env!("OUT_DIR"), "/services.rs"));
}
mod sessions;

use std::env;

use schema_first_client::models::Signup;
use schema_first_client::Client;

pub use outcome::{Outcome, refused};

/// What the scenario of a service works with.
#[allow(dead_code, reason = "which of it is used depends on the services")]
pub struct Given {
    /// Signed in as somebody who is new.
    pub client: Client,
    /// Signed in as a superuser: a clone would share the token, so it is another client.
    pub admin: Client,
    /// Makes names of this run different from those of others.
    pub run: String,
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Outcome<()> {
    failures::secrets_are_not_shown().await?;
    failures::networks_that_fail().await?;
    let run = env::var("RUN")?;
    let client = Client::new(services::addresses()?);

    let problem = refused(client.get_me().await, 401, "missing_token")?;
    assert!(
        problem.header("WWW-Authenticate").is_some_and(|value| value.starts_with("Bearer")),
        "{:?}",
        problem.headers
    );
    let email = format!("{run}@client.test");
    let short = client.signup(&Signup::new(email.clone(), "short".into())).await;
    let problem = refused(short, 422, "validation_failed")?;
    let errors = problem.problem.errors.unwrap_or_default();
    assert_eq!((errors[0].pointer.as_deref(), errors[0].code.as_str()), (Some("#/password"), "too_short"));
    let user = client.signup(&Signup::new(email.clone(), "correct horse".into())).await?;
    client.sign_in(&email, "correct horse").await?;
    let me = client.get_me_with_response().await?;
    assert_eq!((me.status.as_u16(), me.body.id), (200, user.id));
    assert!(me.header("X-Request-Id").is_some(), "{:?}", me.headers);
    too_many_requests(&client, &format!("nobody-{run}@client.test")).await?;

    let admin = Client::new(services::addresses()?);
    admin.sign_in("admin@example.com", "admin").await?;
    assert!(admin.get_me().await?.is_superuser);
    let given = Given { client, admin, run };
    services::scenarios(&given).await?;
    sessions::scenario(&given.run, services::addresses()?).await?;

    given.client.logout().await?;
    refused(given.client.get_me().await, 401, "invalid_token")?;
    println!("rust: ok");
    Ok(())
}

/// Somebody who guesses passwords is told to wait, and how long.
async fn too_many_requests(client: &Client, email: &str) -> Outcome<()> {
    for _ in 0..100 {
        let Err(error) = client.login_access_token(email, "guess").await else { return Err("signed in".into()) };
        let Some(problem) = error.problem().filter(|problem| problem.status == 429) else {
            assert_eq!(error.retry_after(), None, "{error}");
            refused::<()>(Err(error), 400, "invalid_grant")?;
            continue;
        };
        assert_eq!(problem.code, "rate_limited");
        let pause = problem.retry_after().ok_or("429 without Retry-After")?.as_secs();
        assert_eq!(problem.header("retry-after"), Some(pause.to_string().as_str()));
        assert_eq!(error.retry_after(), problem.retry_after());
        assert!(pause > 0 && problem.header("RateLimit").is_some(), "{:?}", problem.headers);
        return Ok(());
    }
    Err("100 guesses, and no end".into())
}
