//! Passkeys, with an authenticator in software: the whole way, and every credential that is not valid.

use futures_util::future::join_all;
use platform::Limiter;
use serde_json::{Value, json};
use testkit::{Answer, Client};

use crate::authenticator::{App, Authenticator, FACTORS, PASSKEYS, PRESENT, REGISTRATION, VERIFIED, base64url};
use crate::second_factors::amr;
use crate::world::{LOGIN, ME, PASSWORD, World, serve_as};

const SIGN_IN: &str = "/api/v1/auth/passkeys/login";
const USERS: &str = "/api/v1/users";

/// What an authenticator does otherwise.
type Change<'a> = &'a dyn Fn(&mut Authenticator);

async fn sign_in(client: &Client, credential: &Value) -> Answer {
    client.post(SIGN_IN, &json!({"credential": credential})).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_user_registers_a_passkey_signs_in_with_it_and_deletes_it() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    ada.client.post(REGISTRATION, &json!({"current_password": "wrong"})).await.expect_problem(403, "wrong_password");
    let options = Authenticator::begin(&ada.client, PASSWORD).await;
    assert_eq!((&options["rp"]["id"], &options["user"]["name"]), (&json!("localhost"), &json!("ada@example.com")));
    let selection = &options["authenticatorSelection"];
    assert_eq!((&selection["userVerification"], &selection["residentKey"]), (&json!("required"), &json!("required")));
    assert_eq!(options["excludeCredentials"], json!([]));
    let (mut telephone, shown) = Authenticator::enrol(&ada.client, PASSWORD).await;
    assert_eq!((&shown["name"], &shown["used_at"]), (&json!("telephone"), &Value::Null));
    assert_eq!(ada.client.get(FACTORS).await.expect(200)["passkeys"], 1);
    // A second one is of the same user, and not on the same authenticator.
    let options = Authenticator::begin(&ada.client, PASSWORD).await;
    assert_eq!(options["user"]["id"], base64url(&telephone.handle));
    assert_eq!(options["excludeCredentials"][0]["id"], base64url(&telephone.id));

    // No password, no code, although she has codes.
    App::enrol(&ada.client, PASSWORD).await;
    for _ in 0..2 {
        let options = Authenticator::challenge(&world.nobody).await;
        assert_eq!((&options["rpId"], &options["userVerification"]), (&json!("localhost"), &json!("required")));
        let tokens = sign_in(&world.nobody, &telephone.sign(&options)).await.expect(200);
        assert_eq!(amr(&tokens), json!(["pop", "user", "mfa"]));
        let signed_in = world.nobody.with_token(tokens["access_token"].as_str().expect("a token"));
        assert_eq!(signed_in.get(ME).await.expect(200)["id"], ada.id);
        let refresh = tokens["refresh_token"].as_str().expect("a token");
        world.nobody.form(LOGIN, &[("grant_type", "refresh_token"), ("refresh_token", refresh)]).await.expect(200);
    }
    let listed = ada.client.get(PASSKEYS).await.expect(200);
    assert!(listed[0]["used_at"].is_string(), "{listed}");

    let bob = world.person("bob").await;
    assert_eq!(bob.client.get(PASSKEYS).await.expect(200), json!([]));
    let path = format!("{PASSKEYS}/{}", shown["id"].as_str().expect("an id"));
    bob.client.delete(&path).await.expect_problem(404, "passkey_not_found");
    ada.client.delete(&path).await.expect(204);
    ada.client.delete(&path).await.expect_problem(404, "passkey_not_found");
    let options = Authenticator::challenge(&world.nobody).await;
    sign_in(&world.nobody, &telephone.sign(&options)).await.expect_problem(400, "passkey_rejected");
    let events = world.admin().await.get("/api/v1/audit-events?object_type=passkey").await.expect(200);
    let actions: Vec<&Value> = events.as_array().into_iter().flatten().map(|one| &one["action"]).collect();
    assert_eq!(actions, ["passkey.deleted", "passkey.created"]);
    assert_eq!(events[0]["object_id"], shown["id"]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_credential_that_does_not_match_its_challenge_is_not_registered() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let register = async |credential: Value| {
        ada.client.post(PASSKEYS, &json!({"name": "telephone", "credential": credential})).await
    };
    let (without, _) = Authenticator::new(&Authenticator::begin(&bob.client, PASSWORD).await);
    register(without.attest(&json!({"challenge": base64url([0; 16])}))).await.expect_problem(400, "passkey_rejected");
    let changes: [(&str, Change<'_>); 5] = [
        ("the page of another", &|it| it.origin = "http://localhost.example.com"),
        ("another origin", &|it| it.origin = "https://example.com"),
        ("another domain", &|it| it.domain = "example.com"),
        ("not verified", &|it| it.flags = PRESENT),
        ("not present", &|it| it.flags = VERIFIED),
    ];
    for (what, change) in changes {
        let options = Authenticator::begin(&ada.client, PASSWORD).await;
        let (mut authenticator, good) = Authenticator::new(&options);
        change(&mut authenticator);
        let answer = register(authenticator.attest(&options)).await;
        assert_eq!(answer.status, 400, "{what}: {}", answer.text);
        answer.expect_problem(400, "passkey_rejected");
        // It was used up by that.
        register(good).await.expect_problem(400, "passkey_rejected");
    }
    // Another's challenge, one that was replaced, and one that has expired.
    let others = Authenticator::begin(&bob.client, PASSWORD).await;
    let replaced = Authenticator::begin(&ada.client, PASSWORD).await;
    for options in [others, replaced] {
        Authenticator::begin(&ada.client, PASSWORD).await;
        register(Authenticator::new(&options).1).await.expect_problem(400, "passkey_rejected");
    }
    let options = Authenticator::begin(&ada.client, PASSWORD).await;
    world.execute("UPDATE passkey_registrations SET expires_at = now()").await;
    register(Authenticator::new(&options).1).await.expect_problem(400, "passkey_rejected");
    // Damaged, and of another kind.
    for (name, value) in
        [("attestationObject", json!("oA")), ("clientDataJSON", json!("e30")), ("clientDataJSON", json!([]))]
    {
        let mut credential = Authenticator::new(&Authenticator::begin(&ada.client, PASSWORD).await).1;
        credential["response"][name] = value;
        register(credential).await.expect_problem(400, "passkey_rejected");
    }
    let options = Authenticator::begin(&ada.client, PASSWORD).await;
    let signed = Authenticator::new(&options).0.sign(&options);
    register(signed).await.expect_problem(400, "passkey_rejected");
    assert_eq!(ada.client.get(PASSKEYS).await.expect(200), json!([]));
    // What one user has registered another cannot.
    let (authenticator, _) = Authenticator::enrol(&bob.client, PASSWORD).await;
    let options = Authenticator::begin(&ada.client, PASSWORD).await;
    register(authenticator.attest(&options)).await.expect_problem(400, "passkey_rejected");
    let token = ada.client.post("/api/v1/auth/api-tokens", &json!({"name": "x", "scopes": ["user"]})).await.expect(201);
    let program = world.nobody.with_token(token["token"].as_str().expect("a token"));
    program.post(REGISTRATION, &json!({"current_password": PASSWORD})).await.expect_problem(403, "session_required");
}

#[tokio::test(flavor = "multi_thread")]
async fn whatever_is_wrong_when_signing_in_gets_the_same_response() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let (mut key, _) = Authenticator::enrol(&ada.client, PASSWORD).await;
    let (of_bob, _) = Authenticator::enrol(&bob.client, PASSWORD).await;
    let challenge = async || Authenticator::challenge(&world.nobody).await;
    let (unknown, _) = Authenticator::new(&Authenticator::begin(&ada.client, PASSWORD).await);
    let rejected = sign_in(&world.nobody, &unknown.clone().sign(&challenge().await)).await;
    let rejected = rejected.expect_problem(400, "passkey_rejected").without_request_id();
    let is_rejected = async |what: &str, credential: &Value| {
        assert_eq!(sign_in(&world.nobody, credential).await.without_request_id(), rejected, "{what}");
    };
    let good = key.sign(&challenge().await);
    sign_in(&world.nobody, &good).await.expect(200);
    is_rejected("replayed", &good).await;
    let twice = key.sign(&challenge().await);
    let answers = join_all((0..8).map(|_| sign_in(&world.nobody, &twice))).await;
    assert_eq!(answers.iter().filter(|answer| answer.status == 200).count(), 1);
    is_rejected("invented challenge", &key.sign(&json!({"challenge": base64url([7; 16])}))).await;
    let expired = key.sign(&challenge().await);
    world.execute("UPDATE passkey_logins SET expires_at = now()").await;
    is_rejected("expired", &expired).await;
    let of_registration = Authenticator::begin(&ada.client, PASSWORD).await;
    is_rejected("a challenge to register", &key.sign(&of_registration)).await;
    let changes: [(&str, Change<'_>); 7] = [
        ("another origin", &|it| it.origin = "https://localhost.example.com"),
        ("another domain", &|it| it.domain = "example.com"),
        ("not verified", &|it| it.flags = PRESENT),
        ("not present", &|it| it.flags = VERIFIED),
        ("a copy of the authenticator", &|it| it.counter = 0),
        ("another's handle", &|it| it.handle.clone_from(&of_bob.handle)),
        ("another's passkey", &|it| it.id.clone_from(&of_bob.id)),
    ];
    for (what, change) in changes {
        let mut changed = key.clone();
        change(&mut changed);
        is_rejected(what, &changed.sign(&challenge().await)).await;
    }
    for name in ["signature", "authenticatorData", "clientDataJSON", "userHandle"] {
        for value in [json!("AA"), json!(""), json!("***"), json!(1), Value::Null] {
            let mut credential = key.clone().sign(&challenge().await);
            credential["response"][name] = value;
            is_rejected(name, &credential).await;
        }
    }
    sign_in(&world.nobody, &key.sign(&challenge().await)).await.expect(200);
    // Of users who may not sign in, and who are no more.
    let (admin, path) = (world.admin().await, format!("{USERS}/{}", ada.id));
    admin.patch(&path, &json!({"is_active": false})).await.expect(200);
    is_rejected("deactivated", &key.sign(&challenge().await)).await;
    admin.patch(&path, &json!({"is_active": true})).await.expect(200);
    sign_in(&world.nobody, &key.sign(&challenge().await)).await.expect(200);
    admin.delete(&path).await.expect(200);
    is_rejected("deleted", &key.sign(&challenge().await)).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_passkey_is_a_second_factor_and_a_user_has_twenty() {
    let world = World::new().await;
    let server = serve_as(&world.database, Limiter::off(), &["--require-superuser-second-factor"], &[]);
    let nobody = server.client();
    let admin = nobody.login(LOGIN, "admin@example.com", "admin").await;
    admin.get(USERS).await.expect_problem(403, "insufficient_scope");
    let (mut key, _) = Authenticator::enrol(&admin, "admin").await;
    let tokens = sign_in(&nobody, &key.sign(&Authenticator::challenge(&nobody).await)).await.expect(200);
    assert_eq!(tokens["scope"], "user superuser");
    nobody.with_token(tokens["access_token"].as_str().expect("a token")).get(USERS).await.expect(200);
    for _ in 1..20 {
        Authenticator::enrol(&admin, "admin").await;
    }
    let credential = Authenticator::new(&Authenticator::begin(&admin, "admin").await).1;
    let body = json!({"name": "one more", "credential": credential});
    admin.post(PASSKEYS, &body).await.expect_problem(409, "too_many_passkeys");
    assert_eq!(admin.get(PASSKEYS).await.expect(200).as_array().map(Vec::len), Some(20));
}
