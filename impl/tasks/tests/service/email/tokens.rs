//! Tokens that are none, or not any more, or not for this.

use serde_json::{Value, json};

use super::{CHANGE_SUBJECT, CONFIRM, Mailing, RESET, RESET_SUBJECT, VERIFY_SUBJECT};
use crate::world::PASSWORD;

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_with_a_token_the_response_is_the_same() {
    let mailing = Mailing::new().await;
    let (ada, bob) = (mailing.world.person("ada").await, mailing.world.person("bob").await);
    let cy = mailing.world.person("cy").await;
    let mut tokens = Vec::new();
    for person in [&ada, &bob, &cy] {
        let verify = mailing.token(&person.email, VERIFY_SUBJECT).await;
        mailing.forgot(&person.email).await;
        let reset = mailing.token(&person.email, RESET_SUBJECT).await;
        let new = format!("new-{}", person.email);
        mailing.change(&person.client, &new, PASSWORD).await.expect(202);
        tokens.push((verify, mailing.token(&new, CHANGE_SUBJECT).await, reset));
    }
    let admin = mailing.world.admin().await;
    admin.delete(&format!("/api/v1/users/{}", bob.id)).await.expect(200);
    admin.patch(&format!("/api/v1/users/{}", cy.id), &json!({"is_active": false})).await.expect(200);

    let (verify, change, reset) = &tokens[0];
    let used = mailing.token_of_nobody();
    let whole = "sfe_".to_owned() + &"a".repeat(196);
    let malformed =
        ["", "sfe_", &verify[1..], &verify[..verify.len() - 1], &verify.to_uppercase(), "ünïcode", &whole, &used];
    let mut confirms: Vec<&str> = malformed.to_vec();
    let mut resets: Vec<&str> = malformed.to_vec();
    confirms.extend([&**reset, ada.token(), &tokens[1].0, &tokens[1].1, &tokens[2].0, &tokens[2].1]);
    resets.extend([&**verify, &**change, ada.token(), &tokens[1].2, &tokens[2].2]);
    // Longer ones than any are rejected by the schema.
    let fits = |token: &&&str| token.len() <= 200;
    let mut answers: Vec<Value> = Vec::new();
    for token in confirms.iter().filter(fits) {
        answers.push(mailing.confirm(token).await.expect_problem(400, "invalid_email_token").without_request_id());
    }
    for token in resets.iter().filter(fits) {
        let answer = mailing.reset(token, "another horse").await.expect_problem(400, "invalid_email_token");
        answers.push(answer.without_request_id());
    }
    mailing.world.database.execute("UPDATE email_tokens SET expires_at = now()").await;
    for token in [verify, change] {
        answers.push(mailing.confirm(token).await.expect_problem(400, "invalid_email_token").without_request_id());
    }
    let answer = mailing.reset(reset, "another horse").await.expect_problem(400, "invalid_email_token");
    answers.push(answer.without_request_id());
    assert!(answers.iter().all(|answer| *answer == answers[0]), "{answers:#?}");
    assert!(!answers[0].to_string().contains("sfe_"));

    // They are valid again, and were touched by nothing of that.
    mailing.world.database.execute("UPDATE email_tokens SET expires_at = now() + interval '1 minute'").await;
    mailing.confirm(verify).await.expect(204);
    mailing.reset(reset, "another horse").await.expect(204);
    for body in [
        json!({}),
        json!({"token": null}),
        json!({"token": 1}),
        json!({"token": "a".repeat(201)}),
        json!({"token": "\0"}),
    ] {
        mailing.world.nobody.post(CONFIRM, &body).await.expect_invalid("#/token");
        let reset = json!({"token": body["token"], "password": PASSWORD});
        mailing.world.nobody.post(RESET, &reset).await.expect_invalid("#/token");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn the_database_has_no_token_once_its_mail_is_sent() {
    let mailing = Mailing::new().await;
    let ada = mailing.world.person("ada").await;
    let token = mailing.token(&ada.email, VERIFY_SUBJECT).await;
    mailing.until_idle().await;
    let found = format!("SELECT count(*) FROM email_tokens t WHERE to_jsonb(t)::text LIKE '%{}%'", &token[4..]);
    assert_eq!(mailing.number(&found).await, 0);
    assert_eq!(
        mailing.number("SELECT count(*) FROM email_tokens WHERE expires_at - created_at = interval '30 minutes'").await,
        1
    );
}

impl Mailing {
    /// A well-formed token that was never issued.
    fn token_of_nobody(&self) -> String {
        platform::identity::opaque_tokens::generate(platform::identity::opaque_tokens::EMAIL_TOKEN)
    }
}
