//! Keys of tokens: several at once, each with its own algorithm, and none that is taken for another.

use base64::Engine as _;
use base64::engine::general_purpose::{STANDARD, URL_SAFE_NO_PAD};
use jsonwebtoken::{Algorithm, EncodingKey, Header};
use platform::identity::Tokens;
use serde_json::json;
use testkit::ed25519::{OTHER_PRIVATE, OTHER_PUBLIC, PRIVATE, PUBLIC};

use crate::fixture::{good_claims, sign};

/// Of another curve: P-256.
const EC_PRIVATE: &str = "-----BEGIN PRIVATE KEY-----
MIGHAgEAMBMGByqGSM49AgEGCCqGSM49AwEHBG0wawIBAQQgbKXBuNmZVdpzPIqn
eP0/oTS4beV5D6r7W3IiJECPBjmhRANCAASYVJmSyNF4Z5AskDwihXWWe/oqadfy
JmKOxMUJyc+1uFRT99BwPi1zF7YfH5o8VjkrJB+zjvXd1V8EwPAMoGAI
-----END PRIVATE KEY-----
";
const EC_PUBLIC: &str = "-----BEGIN PUBLIC KEY-----
MFkwEwYHKoZIzj0CAQYIKoZIzj0DAQcDQgAEmFSZksjReGeQLJA8IoV1lnv6KmnX
8iZijsTFCcnPtbhUU/fQcD4tcxe2Hx+aPFY5KyQfs4713dVfBMDwDKBgCA==
-----END PUBLIC KEY-----
";
const OLD: &str = "an old key of the tests, long enough for HS256";
const NEW: &str = "a new key of the tests, long enough for HS256";

fn tokens(flags: &[&str]) -> Tokens {
    Tokens::new(&testkit::settings(flags)).expect("good keys")
}

fn issue(tokens: &Tokens) -> String {
    tokens.issue(1, 0, "user", None, &[]).expect("issues")
}

fn is_accepted(tokens: &Tokens, token: &str) -> bool {
    tokens
        .verify(token)
        .map_err(|problem| assert_eq!((problem.status().as_u16(), problem.code()), (401, "invalid_token")))
        .is_ok()
}

fn kid(token: &str) -> Option<String> {
    jsonwebtoken::decode_header(token).expect("a header").kid
}

#[test]
fn in_each_step_of_a_rotation_both_keys_have_valid_tokens() {
    let steps = [OLD.to_owned(), format!("{OLD}\n{NEW}"), format!("{NEW}\r\n{OLD}\n"), NEW.to_owned()];
    let steps = steps.map(|keys| tokens(&["--secret-key", &keys]));
    let issued = steps.each_ref().map(issue);
    let accepted = steps.each_ref().map(|step| issued.each_ref().map(|token| is_accepted(step, token)));
    let (old, both, new) = ([true, true, false, false], [true; 4], [false, false, true, true]);
    assert_eq!(accepted, [old, both, both, new], "processes may be one step apart");
    let ids = issued.each_ref().map(|token| kid(token));
    assert!(ids[0] == ids[1] && ids[2] == ids[3] && ids[1] != ids[2], "the first signs: {ids:?}");
    let known: Vec<_> = steps[1].keys().into_iter().map(|key| (Some(key.id), key.algorithm, key.signs)).collect();
    assert_eq!(known, [(ids[0].clone(), "HS256".to_owned(), true), (ids[2].clone(), "HS256".to_owned(), false)]);
    assert_eq!(ids[0].as_ref().expect("an id").len(), 12, "nothing of the key");
}

#[test]
fn a_token_is_verified_with_the_key_it_names_and_with_each_if_it_names_none() {
    let both = tokens(&["--secret-key", &format!("{NEW}\n{OLD}")]);
    let id = |key: &str| kid(&issue(&tokens(&["--secret-key", key])));
    let named = |id: Option<String>, key: &str| {
        let header = Header { kid: id, ..Header::new(Algorithm::HS256) };
        jsonwebtoken::encode(&header, &good_claims(), &EncodingKey::from_secret(key.as_bytes())).expect("signs")
    };
    for key in [OLD, NEW] {
        assert!(is_accepted(&both, &named(None, key)), "as of before there were ids");
        assert!(is_accepted(&both, &named(id(key), key)));
    }
    for (wrong, key) in [(id(OLD), NEW), (id(NEW), OLD), (Some("unknown".to_owned()), NEW), (Some(String::new()), NEW)]
    {
        assert!(!is_accepted(&both, &named(wrong.clone(), key)), "{wrong:?}");
    }
    assert!(!is_accepted(&both, &named(None, "a third key of the tests, long enough for HS256")));
    assert_ne!(
        id(OLD),
        kid(&issue(&tokens(&["--secret-key", OLD, "--algorithm", "HS512"]))),
        "each algorithm has its own"
    );
}

#[test]
fn who_has_the_public_key_verifies_and_cannot_issue() {
    let eddsa = ["--secret-key", OLD, "--algorithm", "EdDSA"];
    let with = |flags: &[&str]| tokens(&[&eddsa[..], flags].concat());
    let signer = with(&["--token-private-key", PRIVATE]);
    let token = issue(&signer);
    assert_eq!(jsonwebtoken::decode_header(&token).expect("a header").alg, Algorithm::EdDSA);
    let verifier = with(&["--token-public-keys", PUBLIC]);
    assert!(signer.can_issue() && is_accepted(&signer, &token) && is_accepted(&verifier, &token));
    assert!(!verifier.can_issue());
    let problem: contract::Problem = verifier.issue(1, 0, "user", None, &[]).expect_err("it has no key").into();
    assert_eq!((problem.status().as_u16(), problem.code()), (400, "unsupported_grant_type"));
    assert!(!is_accepted(&with(&["--token-public-keys", OTHER_PUBLIC]), &token));
    // A rotation: the new public key everywhere, then the new private key, then without the old one.
    let both = format!("{PUBLIC}{OTHER_PUBLIC}");
    let next = with(&["--token-private-key", OTHER_PRIVATE, "--token-public-keys", &both]);
    for token in [token.clone(), issue(&next)] {
        assert!(is_accepted(&with(&["--token-public-keys", &both]), &token) && is_accepted(&next, &token));
    }
    assert_eq!(next.keys().len(), 2, "its own public key is not another one");
    assert!(is_accepted(&with(&["--token-public-keys", OTHER_PUBLIC]), &issue(&next)));
    // Without those who have SECRET_KEY, which are all, unless that is said.
    let symmetric = issue(&tokens(&["--secret-key", OLD]));
    assert!(!is_accepted(&signer, &symmetric) && !is_accepted(&verifier, &symmetric));
    for (algorithms, signs) in [("HS256,EdDSA", Algorithm::HS256), ("EdDSA,HS256", Algorithm::EdDSA)] {
        let mixed = tokens(&["--secret-key", OLD, "--algorithm", algorithms, "--token-private-key", PRIVATE]);
        assert_eq!(jsonwebtoken::decode_header(issue(&mixed)).expect("a header").alg, signs);
        assert!(is_accepted(&mixed, &symmetric) && is_accepted(&mixed, &token), "while moving from one to the other");
    }
}

#[test]
fn no_key_is_taken_for_one_of_another_algorithm() {
    let der = STANDARD.decode(PUBLIC.lines().nth(1).expect("a line")).expect("base64");
    let texts: [&[u8]; 5] = [PUBLIC.as_bytes(), PUBLIC.trim_end().as_bytes(), &der, &der[12..], b""];
    let flags =
        ["--secret-key", OLD, "--token-public-keys", PUBLIC, "--token-private-key", OTHER_PRIVATE, "--algorithm"];
    for algorithms in ["EdDSA", "EdDSA,HS256", "HS256,EdDSA"] {
        let tokens = tokens(&[&flags[..], &[algorithms]].concat());
        let ids = tokens.keys().into_iter().map(|key| Some(key.id)).chain([None]);
        for (id, text) in ids.flat_map(|id| texts.map(|text| (id.clone(), text))) {
            for algorithm in [Algorithm::HS256, Algorithm::HS384, Algorithm::HS512] {
                let header = Header { kid: id.clone(), ..Header::new(algorithm) };
                let forged =
                    jsonwebtoken::encode(&header, &good_claims(), &EncodingKey::from_secret(text)).expect("signs");
                assert!(!is_accepted(&tokens, &forged), "{algorithms} {algorithm:?} {id:?}");
            }
            // What another algorithm signed, under the name of this one.
            let genuine = issue(&tokens);
            let rest = &genuine[genuine.find('.').expect("a header")..];
            for name in ["none", "None", "NONE", "", "RS256", "ES256", "HS256", "HS512", "EdDSA"] {
                let header = json!({"alg": name, "typ": "JWT", "kid": id});
                let header = URL_SAFE_NO_PAD.encode(header.to_string());
                let unsigned = &rest[..=rest.rfind('.').expect("a signature")];
                assert!(!is_accepted(&tokens, &format!("{header}{rest}")), "{algorithms} {name} {id:?}");
                assert!(!is_accepted(&tokens, &format!("{header}{unsigned}")), "{algorithms} {name} {id:?}");
            }
        }
        let hmac = algorithms.contains("HS256");
        assert_eq!(is_accepted(&tokens, &sign(Algorithm::HS256, &good_claims(), OLD)), hmac, "{algorithms}");
    }
}

#[test]
fn what_is_no_key_of_ed25519_is_refused_and_not_repeated() {
    let encrypted = "-----BEGIN ENCRYPTED PRIVATE KEY-----\nMC4CAQAwBQYDK2VwBCIEIKnSobIRCsmq\n-----END ENCRYPTED PRIVATE KEY-----\n";
    let cases = [
        (
            "--token-private-key",
            PUBLIC.to_owned(),
            "TOKEN_PRIVATE_KEY has something else than -----BEGIN PRIVATE KEY-----",
        ),
        ("--token-private-key", EC_PRIVATE.to_owned(), "TOKEN_PRIVATE_KEY has a key that is not of Ed25519"),
        ("--token-private-key", encrypted.to_owned(), "something else"),
        ("--token-private-key", format!("{PRIVATE}{encrypted}"), "something else"),
        ("--token-private-key", OLD.to_owned(), "has no -----BEGIN PRIVATE KEY-----"),
        ("--token-private-key", PRIVATE.replace("-----END PRIVATE KEY-----", ""), "TOKEN_PRIVATE_KEY is not a PEM"),
        (
            "--token-public-keys",
            PRIVATE.to_owned(),
            "TOKEN_PUBLIC_KEYS has something else than -----BEGIN PUBLIC KEY-----",
        ),
        ("--token-public-keys", format!("{PUBLIC}{PRIVATE}"), "something else"),
        ("--token-public-keys", format!("{PUBLIC}{EC_PUBLIC}"), "TOKEN_PUBLIC_KEYS has a key that is not of Ed25519"),
    ];
    for (flag, text, why) in cases {
        let settings = testkit::settings(&["--secret-key", OLD, "--algorithm", "EdDSA", flag, &text]);
        let refusal = Tokens::new(&settings).err().expect(why).to_string();
        assert!(refusal.contains(why), "{refusal}");
        assert!(
            !text.lines().any(|line| !line.starts_with('-') && !line.is_empty() && refusal.contains(line)),
            "{refusal}"
        );
    }
}
