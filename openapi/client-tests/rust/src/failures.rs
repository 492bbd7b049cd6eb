//! What goes wrong, and what is not to be seen. Needs no services but one of its own, and of operations only what every service has.
use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread;

use schema_first_client::models::{LoginForm, Signup, Token, TokenType};
use schema_first_client::{Client, Error};

use crate::Outcome;

const SECRET: &str = "eyJ-not-to-be-seen";

/// Tokens and passwords are in no `Debug`, though they are sent.
pub async fn secrets_are_not_shown() -> Outcome<()> {
    let token = Token::new(SECRET.into(), TokenType::Bearer, 1800, "user".into(), SECRET.into(), 3600);
    let body = format!(
        r#"{{"access_token":"{SECRET}","token_type":"bearer","expires_in":1800,"scope":"user","refresh_token":"{SECRET}","refresh_expires_in":3600}}"#
    );
    let client = Client::gateway(&served(&answer("200 OK", &body))?);
    let response = client.login_access_token_with_response("a@b.test", SECRET).await?;
    assert_eq!(response.body.access_token, SECRET);
    let client = Client::gateway(&served(&answer("200 OK", &body))?);
    client.sign_in("a@b.test", SECRET).await?;
    let session = client.session().ok_or("no session")?;
    assert_eq!(session.refresh_token, SECRET);
    client.set_token(Some(SECRET.into()));
    let mut form = LoginForm::new("a@b.test".into(), SECRET.into());
    form.client_secret = Some(SECRET.into());
    for shown in [
        format!("{token:?} {token:#?}"),
        format!("{response:?}"),
        format!("{session:?} {session:#?}"),
        format!("{client:?}"),
        format!("{form:?}"),
        format!("{:?}", Signup::new("a@b.test".into(), SECRET.into())),
    ] {
        assert!(!shown.contains(SECRET) && shown.contains('{'), "{shown}");
    }
    assert!(format!("{token:?}").contains("1800"), "what is not secret is shown: {token:?}");
    Ok(())
}

/// Whatever fails is an error of ours, and is not tried again.
pub async fn networks_that_fail() -> Outcome<()> {
    for url in ["http://127.0.0.1:9", "http://no-such-host.invalid", "http://[::bad"] {
        let failed = Client::gateway(url).get_me().await;
        assert!(matches!(failed, Err(Error::Transport(_))), "{failed:?}");
    }
    let cut = answer("200 OK", "{").replace("Length: 1", "Length: 9");
    for given in ["", "no HTTP at all\r\n\r\n", &cut] {
        let failed = Client::gateway(&served(given)?).get_me().await;
        assert!(matches!(failed, Err(Error::Transport(_))), "{given}: {failed:?}");
    }
    let failed = Client::gateway(&served(&answer("200 OK", "<html>"))?).get_me().await;
    assert!(matches!(failed, Err(Error::Body(_))), "{failed:?}");
    let failed = Client::gateway(&served(&answer("502 Bad Gateway", "<html>"))?).get_me().await;
    assert!(matches!(&failed, Err(Error::Unexpected(answer)) if answer.status.as_u16() == 502), "{failed:?}");
    Ok(())
}

/// A response in JSON.
pub fn answer(status: &str, body: &str) -> String {
    let length = body.len();
    format!("HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {length}\r\nConnection: close\r\n\r\n{body}")
}

/// The address of a service that answers one request so; a second one is not answered at all.
pub fn served(given: &str) -> Outcome<String> {
    let listener = TcpListener::bind("127.0.0.1:0")?;
    let address = listener.local_addr()?;
    let given = given.to_owned();
    thread::spawn(move || {
        let (mut connection, _) = listener.accept()?;
        let _ = connection.read(&mut [0; 65536])?;
        connection.write_all(given.as_bytes())
    });
    Ok(format!("http://{address}"))
}
