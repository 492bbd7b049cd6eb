//! Tokens: which are valid, and that none is printed.

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use jsonwebtoken::Algorithm;
use platform::Guard;
use platform::identity::{AUDIENCE, ISSUER, NewUser, Tokens, UserChange, Verdict};
use serde_json::{Value, json};

use crate::fixture::*;

#[test]
fn only_strict_tokens_are_good() {
    let tokens = Tokens::new(&settings()).expect("a key");
    let good = good_claims();
    let verified = tokens.verify(&sign(Algorithm::HS256, &good, KEY)).expect("good");
    assert_eq!((verified.sub.as_str(), verified.iss.as_str(), verified.aud.as_str()), ("1", ISSUER, AUDIENCE));
    assert!(verified.exp - verified.iat == 30 * 60 && verified.scope == "user");

    let now = good["iat"].as_u64().expect("a number");
    let with = |name: &str, value: Value| {
        let mut claims = good.clone();
        claims[name] = value;
        sign(Algorithm::HS256, &claims, KEY)
    };
    let without = |name: &str| {
        let mut claims = good.clone();
        claims.as_object_mut().expect("an object").remove(name);
        sign(Algorithm::HS256, &claims, KEY)
    };
    let encode = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let unsigned = format!("{}.{}.", encode(json!({"alg": "none", "typ": "JWT"})), encode(good.clone()));
    let mut tampered = sign(Algorithm::HS256, &good, KEY);
    tampered.truncate(tampered.len() - 4);
    tampered.push_str("AAAA");
    let mut bad = vec![
        ("nothing", String::new()),
        ("garbage", "x.y.z".into()),
        ("enormous", "a".repeat(100_000)),
        ("unsigned", unsigned),
        ("tampered", tampered),
        ("another key", sign(Algorithm::HS256, &good, "another key of the same length or more")),
        ("another algorithm", sign(Algorithm::HS512, &good, KEY)),
        ("expired", with("exp", json!(now - 10))),
        ("expired as text", with("exp", json!("never"))),
        ("not yet valid", with("nbf", json!(now + 60))),
        ("issued tomorrow", with("iat", json!(now + 86_400))),
        ("another audience", with("aud", json!("urn:others"))),
        ("another issuer", with("iss", json!("urn:others"))),
        ("a refresh token", with("typ", json!("refresh"))),
        ("no id", with("jti", json!("not a uuid"))),
    ];
    bad.extend(
        ["exp", "nbf", "iat", "sub", "iss", "aud", "jti", "typ", "epoch", "scope"].map(|name| (name, without(name))),
    );
    for (what, token) in bad {
        let problem = tokens.verify(&token).expect_err(what);
        assert_eq!((problem.status().as_u16(), problem.code()), (401, "invalid_token"), "{what}");
    }
}

#[test]
fn each_algorithm_takes_its_own_tokens_only() {
    for (name, algorithm) in [("HS256", Algorithm::HS256), ("HS384", Algorithm::HS384), ("HS512", Algorithm::HS512)] {
        let tokens = Tokens::new(&testkit::settings(&["--secret-key", KEY, "--algorithm", name])).expect("a key");
        let token = tokens.issue(1, 0, "user", None, &[]).expect("issues");
        assert_eq!(jsonwebtoken::decode_header(&token).expect("a header").alg, algorithm);
        tokens.verify(&token).expect("its own");
        for other in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
            assert_eq!(tokens.verify(&sign(other, &good_claims(), KEY)).is_ok(), other == algorithm);
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn neither_tokens_nor_hashes_are_printed() {
    let fixture = Fixture::new().await;
    let hashed_password = fixture.accounts.hash_password("secret1".into(), &[]).await.expect("hashes");
    let hash = hashed_password.expose().to_owned();
    let email = "printed@example.com".to_owned();
    let user = NewUser { email, hashed_password, full_name: None, is_active: true, is_superuser: false };
    let change = UserChange { hashed_password: Some(user.hashed_password.clone()), ..UserChange::default() };
    let verdict = Verdict::Outdated(user.hashed_password.clone());
    let printed = format!("{user:?} {change:?} {verdict:?}");
    assert!(printed.contains("printed@example.com") && !printed.contains(&hash[hash.len() - 20..]), "{printed}");
    fixture.sign_up("printed2@example.com", "secret1").await;
    let token = fixture.accounts.login(Guard::none(), "printed2@example.com", "secret1".into()).await.expect("logs in");
    let printed = format!("{token:?}");
    assert!(!printed.contains(&token.access_token), "{printed}");
}
