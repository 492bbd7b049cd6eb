//! Which accounts at providers are whose.

use serde_json::{Value, json};

use super::provider::claims;
use super::{IDENTITIES, LINK, LOG_IN, Signing};
use crate::world::{ME, PASSWORD};

impl Signing {
    /// A callback with a password.
    async fn with_password(&self, claims: Value, password: &str) -> Value {
        let mut body = self.callback(claims).await;
        body["current_password"] = json!(password);
        body
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_provider_is_linked_by_who_knows_the_password() {
    let signing = Signing::new().await;
    let ada = signing.world.person("ada").await;
    let of_ada = || claims("1", "ada@example.com");
    let callback = signing.callback(of_ada()).await;
    signing.nobody().post(LINK, &callback).await.expect_problem(401, "missing_token");
    ada.client.post(LINK, &callback).await.expect_problem(403, "current_password_required");
    let wrong = signing.with_password(of_ada(), "wrong").await;
    ada.client.post(LINK, &wrong).await.expect_problem(403, "wrong_password");
    let token = json!({"name": "made", "scopes": ["user"]});
    let token = ada.client.post("/api/v1/auth/api-tokens", &token).await.expect(201)["token"].clone();
    let program = signing.nobody().with_token(token.as_str().expect("a token"));
    let right = signing.with_password(of_ada(), PASSWORD).await;
    program.post(LINK, &right).await.expect_problem(403, "session_required");
    // None of that has used it up.
    ada.client.post(LINK, &right).await.expect(204);
    ada.client.post(LINK, &right).await.expect_problem(400, "openid_state_invalid");
    // Once more is the same.
    ada.client.post(LINK, &signing.with_password(of_ada(), PASSWORD).await).await.expect(204);
    let identities = ada.client.get(IDENTITIES).await.expect(200);
    assert_eq!((identities.as_array().map(Vec::len), &identities[0]["used_at"]), (Some(1), &json!(null)));
    assert_eq!(signing.signed_in("1", "x@example.com").await.get(ME).await.expect(200)["id"], ada.id);
    // Of another user it is neither to be had nor to be seen.
    let bob = signing.world.person("bob").await;
    let taken = signing.with_password(of_ada(), PASSWORD).await;
    bob.client.post(LINK, &taken).await.expect_problem(409, "openid_identity_taken");
    assert_eq!(bob.client.get(IDENTITIES).await.expect(200), json!([]));
    let path = format!("{IDENTITIES}/{}", identities[0]["id"].as_str().expect("an id"));
    bob.client.delete(&path).await.expect_problem(404, "openid_identity_not_found");
    program.delete(&path).await.expect_problem(403, "session_required");
    // Whoever has a password may remove the last one.
    ada.client.delete(&path).await.expect(204);
    ada.client.delete(&path).await.expect_problem(404, "openid_identity_not_found");
    signing.log_in(of_ada()).await.expect_problem(409, "openid_email_taken");
    let events = signing.world.admin().await.get("/api/v1/audit-events?limit=10").await.expect(200);
    let events: Vec<_> = events.as_array().expect("a list").iter().map(|event| event["action"].clone()).collect();
    let ours: Vec<_> =
        events.iter().filter(|action| action.as_str().is_some_and(|text| text.starts_with("openid"))).collect();
    assert_eq!(ours, ["openid.unlinked", "openid.login", "openid.linked"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_has_no_password_keeps_a_way_in() {
    let signing = Signing::new().await;
    let ada = signing.signed_in("1", "ada@example.com").await;
    let only = ada.get(IDENTITIES).await.expect(200)[0]["id"].clone();
    let path = |id: &Value| format!("{IDENTITIES}/{}", id.as_str().expect("an id"));
    ada.delete(&path(&only)).await.expect_problem(409, "openid_identity_required");
    assert_eq!(ada.get(IDENTITIES).await.expect(200)[0]["id"], only);
    // Without a password none is required; ten are the maximum.
    for subject in 2..=10 {
        let callback = signing.callback(claims(&subject.to_string(), "other@example.com")).await;
        ada.post(LINK, &callback).await.expect(204);
    }
    let more = signing.callback(claims("11", "other@example.com")).await;
    ada.post(LINK, &more).await.expect_problem(409, "too_many_openid_identities");
    ada.delete(&path(&only)).await.expect(204);
    let rest = ada.get(IDENTITIES).await.expect(200);
    let paths: Vec<_> = rest.as_array().expect("a list").iter().map(|one| path(&one["id"])).collect();
    // All at once: one stays.
    let answers = futures_util::future::join_all(paths.iter().map(|path| ada.delete(path))).await;
    let refused: Vec<_> = answers.into_iter().filter(|answer| answer.status != 204).collect();
    assert_eq!(refused.len(), 1);
    assert_eq!(refused[0].json["code"], "openid_identity_required");
    assert_eq!(ada.get(IDENTITIES).await.expect(200).as_array().map(Vec::len), Some(1));
    // The first one is nobody's now, and its address is taken.
    let freed = signing.callback(claims("1", "ada@example.com")).await;
    signing.nobody().post(LOG_IN, &freed).await.expect_problem(409, "openid_email_taken");
}
