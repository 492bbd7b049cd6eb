//! Tokens that are invalid, or not valid any more (RFC 8725). Every one is signed and complete except for the one thing that
//! is wrong with it.

use std::time::{SystemTime, UNIX_EPOCH};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use http::Method;
use http::header::AUTHORIZATION;
use jsonwebtoken::{Algorithm, EncodingKey, Header, encode};
use serde_json::{Value, json};
use testkit::KEY;

use crate::world::{ME, World};

fn claims(token: &str) -> Value {
    let payload = token.split('.').nth(1).expect("three parts");
    serde_json::from_slice(&URL_SAFE_NO_PAD.decode(payload).expect("base64url")).expect("JSON")
}

fn sign(claims: &Value) -> String {
    encode(&Header::default(), claims, &EncodingKey::from_secret(KEY.as_bytes())).expect("a token")
}

fn part(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).expect("after 1970").as_secs()
}

#[tokio::test(flavor = "multi_thread")]
async fn every_claim_must_be_there_and_right() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let good = claims(ada.token());
    // The control: the base of these tokens is valid.
    world.nobody.with_token(sign(&good)).get(ME).await.expect(200);

    let mut bad = Vec::new();
    // Tokens of older releases have no session, and do not say how their users were authenticated.
    let optional = |name: &&String| ["sid", "amr"].contains(&name.as_str());
    for name in good.as_object().expect("claims").keys().filter(|name| !optional(name)) {
        let mut claims = good.clone();
        claims.as_object_mut().expect("claims").remove(name);
        bad.push((format!("without {name}"), claims));
        let mut claims = good.clone();
        claims[name] = Value::Null;
        bad.push((format!("{name} null"), claims));
    }
    for (name, value) in [
        ("exp", json!(now() - 1)),
        ("exp", json!(0)),
        ("exp", json!(-1)),
        ("exp", json!("9999999999")),
        ("nbf", json!(now() + 60)),
        ("nbf", json!(u64::MAX)),
        ("iat", json!(now() + 60)),
        ("aud", json!("urn:others")),
        ("aud", json!(["urn:others"])),
        ("aud", json!("")),
        ("iss", json!("urn:others")),
        ("iss", json!("")),
        ("typ", json!("refresh")),
        ("typ", json!("")),
        ("sub", json!("4711")),
        ("sub", json!(ada.id)),
        ("sub", json!("ada@example.com")),
        ("sub", json!("1 OR 1=1")),
        ("sub", json!("99999999999999999999")),
        ("sub", json!("-1")),
        ("epoch", json!(7)),
        ("epoch", json!(-1)),
        ("epoch", json!("0")),
        ("jti", json!("not a uuid")),
    ] {
        let mut claims = good.clone();
        claims[name] = value.clone();
        bad.push((format!("{name} {value}"), claims));
    }
    for (what, claims) in bad {
        let answer = world.nobody.with_token(sign(&claims)).get(ME).await;
        assert_eq!(answer.status.as_u16(), 401, "{what}: {}", answer.text);
        let answer = answer.expect_problem(401, "invalid_token");
        assert_eq!(answer.header("www-authenticate"), r#"Bearer error="invalid_token""#, "{what}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_scope_in_the_token_gives_no_right() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let mut claims = claims(ada.token());
    claims["scope"] = json!("user superuser");
    let client = world.nobody.with_token(sign(&claims));
    client.get(ME).await.expect(200);
    client.get("/api/v1/users").await.expect_problem(403, "insufficient_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn only_our_signature_counts() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let token = ada.token();
    let [header, payload, signature] = token.split('.').collect::<Vec<_>>()[..] else { panic!("three parts") };
    let mut admin = claims(token);
    admin["sub"] = json!("1");
    let admin = part(&admin);
    let signed_by = |key: &[u8], algorithm: Algorithm| {
        encode(&Header::new(algorithm), &claims(token), &EncodingKey::from_secret(key)).expect("a token")
    };
    let mut flipped = signature.to_owned();
    flipped.replace_range(..1, if signature.starts_with('A') { "B" } else { "A" });
    let mut forged = vec![
        format!("{header}.{admin}.{signature}"),
        format!("{header}.{payload}.{flipped}"),
        format!("{header}.{payload}.{}", &signature[..signature.len() - 4]),
        format!("{header}.{payload}."),
        format!("{header}.{payload}"),
        format!("{header}..{signature}"),
        format!(".{payload}.{signature}"),
        format!("{token}.{signature}"),
        signed_by(b"another key that is long enough for HS256", Algorithm::HS256),
        signed_by(b"", Algorithm::HS256),
        // The right key, but not the configured algorithm.
        signed_by(KEY.as_bytes(), Algorithm::HS384),
        signed_by(KEY.as_bytes(), Algorithm::HS512),
    ];
    for algorithm in ["none", "None", "NONE", "nOnE", "", "HS1", "RS256", "ES256", "EdDSA"] {
        for payload in [payload, &admin] {
            let header = part(&json!({"alg": algorithm, "typ": "JWT"}));
            forged.push(format!("{header}.{payload}."));
            forged.push(format!("{header}.{payload}.{signature}"));
        }
    }
    for header in [json!({}), json!({"typ": "JWT"}), json!({"alg": null}), json!({"alg": ["HS256"]}), json!([])] {
        forged.push(format!("{}.{payload}.{signature}", part(&header)));
    }
    for token in forged {
        let answer = world.nobody.with_token(&token).get(ME).await;
        assert_eq!(answer.status.as_u16(), 401, "{token}");
        answer.expect_problem(401, "invalid_token");
    }
    ada.client.get(ME).await.expect(200);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_token_comes_in_one_bearer_header_and_in_no_other_way() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let token = ada.token();
    let ask = async |values: &[String]| {
        let mut request = world.nobody.request(Method::GET, ME);
        for value in values {
            request = request.header(AUTHORIZATION, value);
        }
        world.nobody.send(request).await
    };
    for good in [format!("Bearer {token}"), format!("bearer {token}"), format!("BEARER   {token}")] {
        ask(&[good]).await.expect(200);
    }
    for bad in [
        "Bearer".to_owned(),
        "Bearer ".into(),
        token.into(),
        format!("Basic {token}"),
        "Basic dXNlckBleGFtcGxlLmNvbTp1c2Vy".into(),
        format!("Bearer{token}"),
        format!("Bearer\t{token}"),
        format!("Token {token}"),
        format!("Bearer {token} {token}"),
        format!("Bearer {token},Bearer {token}"),
        format!("Bearer \"{token}\""),
        "Bearer x".into(),
        "Bearer ..".into(),
        format!("Bearer {}", "x".repeat(20_000)),
        format!("Bearer {}", "a.".repeat(2_000)),
    ] {
        let answer = ask(&[bad]).await.expect_problem(401, "invalid_token");
        assert!(answer.header("www-authenticate").starts_with("Bearer"));
        assert!(!answer.text.contains(token));
    }
    ask(&[format!("Bearer {token}"), format!("Bearer {token}")]).await.expect_problem(401, "invalid_token");
    ask(&[]).await.expect_problem(401, "missing_token");

    world.nobody.get(&format!("{ME}?access_token={token}")).await.expect_problem(401, "missing_token");
    for name in ["cookie", "x-access-token", "proxy-authorization"] {
        let request = world.nobody.request(Method::GET, ME).header(name, format!("access_token={token}"));
        world.nobody.send(request).await.expect_problem(401, "missing_token");
    }
    let bytes = [b"Bearer \xff\xfe".as_slice(), token.as_bytes()].concat();
    let request = world.nobody.request(Method::GET, ME).header(AUTHORIZATION, bytes.as_slice());
    world.nobody.send(request).await.expect_problem(401, "invalid_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn tokens_of_one_user_differ_and_belong_to_one_user() {
    let world = World::new().await;
    let (ada, bob) = (world.person("ada").await, world.person("bob").await);
    let again = world.login(&ada.email, crate::world::PASSWORD).await;
    let (first, second) = (claims(ada.token()), claims(again.token().expect("a token")));
    assert_ne!(first["jti"], second["jti"]);
    assert_eq!((&first["sub"], first["exp"].as_u64()), (&second["sub"], first["iat"].as_u64().map(|iat| iat + 1800)));
    // A session that was ended cannot be used with another subject.
    ada.client.post_empty("/api/v1/auth/logout").await.expect(204);
    let mut stolen = claims(bob.token());
    stolen["sid"] = first["sid"].clone();
    world.nobody.with_token(sign(&stolen)).get(ME).await.expect_problem(401, "invalid_token");
    bob.client.get(ME).await.expect(200);
}
