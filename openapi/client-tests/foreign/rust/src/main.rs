//! The requests of exchanges.mjs, with the Rust client.
use std::error::Error as StdError;

use schema_first_client::everything::{self, Credentials, models};
use schema_first_client::{Client, Error, File, second};

/// What a request was refused with.
fn refused<T>(answer: Result<T, Error>) -> Result<Error, Box<dyn StdError>> {
    answer.err().ok_or_else(|| "not refused".into())
}

fn color(r: Option<i64>, g: Option<i64>) -> models::Color {
    models::Color { r, g, ..models::Color::new() }
}

fn texts(list: &[&str]) -> Vec<String> {
    list.iter().map(|text| (*text).to_owned()).collect()
}

fn animal() -> models::Animal {
    let cat = models::Cat { claws: Some(3), ..models::Cat::new("meow".into()) };
    let friend = Some(Box::new(models::Animal::Cat(cat)));
    models::Animal::Dog(Box::new(models::Dog { friend, ..models::Dog::new("woof".into()) }))
}

fn whole() -> Result<models::Everything, serde_json::Error> {
    let tree = models::Tree { right: Some(None), ..models::Tree::new() };
    Ok(models::Everything {
        both: Some(None),
        at: Some(serde_json::from_str("\"2026-11-30T05:00:00Z\"")?),
        day: Some(serde_json::from_str("\"2026-11-30\"")?),
        id: Some(serde_json::from_str("\"6f1c8a52-8f3b-4a51-9d3e-0c4b9b9d6a10\"")?),
        animal: Some(animal()),
        tree: Some(models::Tree { left: Some(Box::new(tree)), leaves: Some(vec![models::Tree::new()]), ..models::Tree::new() }),
        lists: Some(serde_json::from_str("[[], [[]]]")?),
        maps: Some(serde_json::from_str(r#"{"a": {"b": {}}}"#)?),
        json: Some(serde_json::from_str(r#"[null, "a", 1.5, [true]]"#)?),
        class: Some(models::Class::StarSlash),
        merged: Some(serde_json::from_str(r#"{"R": 1, "extra": "e"}"#)?),
        scores: Some([("a".to_owned(), 1.5)].into()),
        user_id: Some("one".into()),
        user_id_2: Some(2),
        quoted: Some("q".into()),
        back_slash: Some("b".into()),
        self_: Some("s".into()),
        copy: Some("c".into()),
        ..models::Everything::new("yes".into(), None)
    })
}

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn StdError>> {
    let client = Client::gateway(&std::env::var("GATEWAY")?);
    client.set_token(Some("of-the-client".into()));
    let api = client.everything();

    let (list, labels) = (texts(&["x", "y,z"]), texts(&["a", "b"]));
    let (object, of_matrix) = (color(Some(100), Some(200)), color(Some(1), None));
    api.path_styles("a/b ü", &list, &object, 5, &labels, "m", &vec![1, 2], &of_matrix).await?;
    let options = everything::QueryStylesOptions {
        exploded: Some(texts(&["1", "2,3"])),
        joined: Some(texts(&["a", "b,c"])),
        spaced: Some(vec![1, 2]),
        piped: Some(texts(&["x", "y"])),
        deep: Some(models::Color { name: Some("n m".into()), ..color(Some(1), None) }),
        color: Some(color(None, Some(7))),
        filter: Some(color(Some(1), None)),
        reserved: Some("a/b?c".into()),
        since: Some(serde_json::from_str("\"2026-11-30\"")?),
        sort: Some(models::QueryStylesSort::Name),
        page_size: Some(2),
        class: Some(true),
    };
    api.query_styles("a&b=c +", &options).await?;
    let options = everything::HeadersAndCookiesOptions {
        x_object: Some(color(Some(1), Some(2))),
        session: Some("s 1;x".into()),
        flags: Some(labels.clone()),
    };
    api.headers_and_cookies(&texts(&["a", "ü"]), &options).await?;

    let answer = api.send_json(&whole()?).await?;
    assert_eq!(answer.animal, Some(animal()));
    assert_eq!(answer.additional_properties["later"], "a member of a later version");
    let form = models::SendFormBody {
        tags: Some(texts(&["x", "y"])),
        joined: Some(texts(&["1", "2"])),
        color: Some(color(Some(1), None)),
        deep: Some(color(None, Some(2))),
        ..models::SendFormBody::new("a b&c".into())
    };
    api.send_form(&form).await?;
    let png = |text: &str| File { name: "a.png".into(), media_type: Some("image/png".into()), content: text.into() };
    let file = File { name: "a.csv".into(), content: "a,b".into(), ..File::default() };
    let files = models::SendFilesForm {
        photos: Some(vec![png("1"), png("2")]),
        meta: Some(color(Some(1), None)),
        tags: Some(texts(&["x", "y"])),
        ..models::SendFilesForm::new("T".into(), file)
    };
    api.send_files(&files).await?;
    assert_eq!(api.send_text("grün").await?, "rot");
    assert_eq!(api.send_image("image/png", "PNG").await?, b"GIF");
    let rows = api.send_rows(&vec![color(Some(1), None), color(Some(2), None)]).await?;
    assert_eq!(rows.text().await?, "{\"a\":1}\n{\"a\":2}\n");
    several(&client).await?;

    api.as_bearer().await?;
    api.set_credentials(Credentials {
        bearer: Some("own".into()),
        basic: Some(("üser".into(), "p:w".into())),
        in_header: Some("h".into()),
        in_query: Some("q&".into()),
        in_cookie: Some("c;".into()),
        digest: Some("d=1".into()),
    });
    api.as_bearer().await?;
    api.as_basic().await?;
    api.as_both().await?;
    api.as_cookie().await?;
    api.as_digest().await?;
    let id = serde_json::from_str("7")?;
    assert_eq!(api.get_u_o_it_s_quoted_id_go(&id).await?, animal());
    assert_eq!(api.class_with_response(&serde_json::json!(7)).await?.status, 200);
    let colors = client.second().send_json(&second::models::Color::Red).await?;
    assert_eq!(colors, [second::models::Color::Red, second::models::Color::Green]);
    println!("rust, foreign documents: ok");
    Ok(())
}

/// Several media types and statuses, and errors of every shape.
async fn several(client: &Client) -> Result<(), Box<dyn StdError>> {
    use everything::{SendSeveralAnswer as Answer, SendSeveralBody as Body, SendSeveralOptions as Options};
    let (api, options) = (client.everything(), Options::default());
    let found = api.send_several(Some(Body::Json(color(Some(1), None))), &options).await?;
    assert_eq!(found, Answer::OkJson(color(Some(2), None)));
    let found = api.send_several(Some(Body::Form(color(Some(1), Some(2)))), &options).await?;
    assert!(matches!(found, Answer::Created(tree) if tree.left.is_some()));
    let csv = Options { accept: Some("text/csv".into()) };
    let found = api.send_several(Some(Body::Text("a,b".into())), &csv).await?;
    assert_eq!(found, Answer::OkText("c,d".into()));
    assert_eq!(api.send_several(None, &options).await?, Answer::NoContent);

    let Error::Unexpected(own) = refused(api.send_several(None, &options).await)? else { return Err("no shape of its own".into()) };
    let own_error: models::OwnError = serde_json::from_str(&own.body)?;
    assert_eq!((own.status.as_u16(), own_error.message.as_str()), (409, "no"));
    let Error::Unexpected(theirs) = refused(api.send_several(None, &options).await)? else { return Err("a problem of theirs".into()) };
    assert!(theirs.body.contains("extra"), "{}", theirs.body);
    let Error::Problem(problem) = refused(api.send_several(None, &options).await)? else { return Err("no problem".into()) };
    assert_eq!(problem.code, "validation_failed");
    Ok(())
}
