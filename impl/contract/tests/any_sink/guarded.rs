//! Credentials of several schemes: all of one alternative, and any of the alternatives.

use super::get;

const ADA: &str = "Basic YWRhOnNlY3JldA==";

#[tokio::test]
async fn one_alternative_must_be_met_in_whole() {
    assert_eq!(get("/v2/secrets", &[("authorization", "Bearer token")]).await.json(200), "read write");
    assert_eq!(get("/v2/secrets?api_key=sesame", &[("authorization", ADA)]).await.json(200), "sesame and ada");
    let got = get("/v2/secrets?api_key=sesame", &[]).await;
    got.json(401);
    let challenge = got.headers["www-authenticate"].to_str().expect("text");
    assert!(challenge.contains("Bearer") && challenge.contains("Basic"), "{challenge}");
    for wrong in ["Bearer other", "Basic YWRhOndyb25n", "Basic %", "Digest x"] {
        get("/v2/secrets?api_key=sesame", &[("authorization", wrong)]).await.json(401);
    }
    get("/v2/secrets?api_key=wrong", &[("authorization", ADA)]).await.json(401);
    get("/v2/secrets?api_key=sesame&api_key=sesame", &[("authorization", ADA)]).await.json(401);
}

#[tokio::test]
async fn a_credential_is_no_additional_parameter() {
    let got = get("/v2/secrets?api_key=sesame&more=1", &[("authorization", ADA)]).await;
    assert_eq!(got.json(200), "sesame and ada more");
}

#[tokio::test]
async fn optional_credentials_are_verified_if_they_are_sent() {
    assert_eq!(get("/v2/greetings", &[]).await.json(200), "stranger");
    assert_eq!(get("/v2/greetings", &[("authorization", ADA)]).await.json(200), "ada");
    get("/v2/greetings", &[("authorization", "Basic YWRhOndyb25n")]).await.json(401);
}
