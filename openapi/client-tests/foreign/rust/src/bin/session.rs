//! The requests of `sessions` in exchanges.mjs, with the Rust client.
use std::error::Error as StdError;

use schema_first_client::{Client, Error, SessionTokens, everything::Credentials};

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let client = Client::gateway(&std::env::var("GATEWAY")?);
    let stored = r#"{"access_token": "stale", "expires_at": "9999-01-31T09:30:00Z", "refresh_token": "once"}"#;
    client.set_session(Some(serde_json::from_str(stored)?));
    client.everything().as_bearer().await?;
    let SessionTokens { access_token, refresh_token, .. } = client.session().ok_or("no session")?;
    assert_eq!((access_token.as_str(), refresh_token.as_str()), ("fresh", "next"));
    client.everything().set_credentials(Credentials { bearer: Some("own".into()), ..Default::default() });
    let refused = client.everything().as_bearer().await;
    assert!(matches!(&refused, Err(Error::Problem(problem)) if problem.code == "invalid_token"), "{refused:?}");
    println!("rust, sessions and foreign documents: ok");
    Ok(())
}
