//! Rows and events, which are checked one by one while they are sent.

use contract::{Bytes, Event, Mode, Reply};
use futures_util::stream;

use crate::answers::{Got, ask};

fn pieces(media: &'static str, pieces: &'static [&'static str]) -> impl FnOnce() -> Result<Reply, contract::Problem> {
    move || {
        let pieces = pieces.iter().map(|piece| Ok(Bytes::from_static(piece.as_bytes())));
        Ok(Reply::new(200).stream(media, Box::pin(stream::iter(pieces))))
    }
}

async fn rows(mode: Mode, given: &'static [&'static str]) -> Got {
    ask(mode, "GET", "/streams", pieces("application/x-ndjson", given)).await
}

async fn events(mode: Mode, given: &'static [&'static str]) -> Got {
    let make = move || {
        let events = given.iter().map(|data| Ok(Event::default().event("thing").data(data)));
        Ok(Reply::new(200).events(Box::pin(stream::iter(events))))
    };
    ask(mode, "GET", "/streams", make).await
}

const GOOD: &str = "{\"id\":1}\n{\"id\":2}\n";

#[tokio::test]
async fn rows_that_keep_the_document_are_sent() {
    let all: [&'static [&'static str]; 6] = [
        &[GOOD],
        &["{\"id\":1}\n", "{\"id\":2}\n"],
        &["{\"id", "\":1", "}", "\n{\"id\":2", "}\n"],
        &["{\"id\":1}\n{\"id\":2}"],
        &["{\"id\":1}\n\n  \n{\"id\":2}\n"],
        &[],
    ];
    for given in all {
        let got = rows(Mode::Enforce, given).await;
        assert_eq!((got.status, got.body, got.told.len()), (200, (given.concat(), true), 0), "{given:?}");
    }
}

#[tokio::test]
async fn a_row_that_breaks_the_document_ends_the_stream_where_it_is_enforced() {
    let all: [(&'static [&'static str], &str, &str, &'static str); 6] = [
        (&["{\"id\":1}\n", "{\"id\":0}\n", "{\"id\":3}\n"], "{\"id\":1}\n", "#/1/id", "too_small"),
        (
            &["{\"id\":1}\n{\"id\":2,\"password\":\"leaked\"}\n{\"id\":3}\n"],
            "{\"id\":1}\n",
            "#/1/password",
            "write_only",
        ),
        (&["{\"id\":2,\"pass", "word\":\"leaked\"}\n"], "", "#/0/password", "write_only"),
        (&[GOOD, "{\"id\":2,"], GOOD, "#/2", "invalid_json"),
        (&["[{\"id\":1},\n"], "", "#/0", "invalid_json"),
        (&["\n", "{\"id\":1}\n7\n"], "\n{\"id\":1}\n", "#/1", "wrong_type"),
    ];
    for (given, sent, place, code) in all {
        let got = rows(Mode::Enforce, given).await;
        assert_eq!((got.status, &got.body, got.only()), (200, &(sent.to_owned(), false), (place, code)), "{given:?}");
        let sampled = rows(Mode::Sample(1.0), given).await;
        assert_eq!((sampled.body.clone(), sampled.only()), ((given.concat(), true), (place, code)), "{given:?}");
        let unchecked = rows(Mode::Off, given).await;
        assert_eq!((unchecked.body, unchecked.told.len()), ((given.concat(), true), 0));
    }
}

#[tokio::test]
async fn rows_in_memory_are_rows_too() {
    let got = ask(Mode::Enforce, "GET", "/streams", || Reply::new(200).body(&["application/x-ndjson"], &[1])).await;
    assert_eq!((got.status, got.only()), (500, ("#/0", "wrong_type")));
    // A schema that has no arrays is that of a row.
    let good = pieces("application/jsonl", &["{\"id\":1}\n"]);
    assert!(ask(Mode::Enforce, "GET", "/streams", good).await.told.is_empty());
    let bad = pieces("application/jsonl", &["[{\"id\":1}]\n"]);
    assert_eq!(ask(Mode::Enforce, "GET", "/streams", bad).await.only(), ("#/0", "wrong_type"));
}

#[tokio::test]
async fn an_event_that_breaks_the_document_ends_the_stream_where_it_is_enforced() {
    let got = events(Mode::Enforce, &["{\"id\":1}", "{\"id\":\n2}"]).await;
    assert_eq!((got.status, got.told.len(), got.body.1), (200, 0, true), "{got:?}");
    let given: &[&str] = &["{\"id\":1}", "{\"id\":2,\"password\":\"leaked\"}", "{\"id\":3}"];
    let got = events(Mode::Enforce, given).await;
    assert_eq!((&got.body.0[..], got.body.1), ("event: thing\ndata: {\"id\":1}\n\n", false));
    assert_eq!(got.only(), ("#/1/password", "write_only"));
    let got = events(Mode::Sample(1.0), given).await;
    assert!(got.body.1 && got.body.0.ends_with("{\"id\":3}\n\n"), "{got:?}");
    assert_eq!(got.only(), ("#/1/password", "write_only"));
    assert_eq!(events(Mode::Off, given).await.told.len(), 0);
}

#[tokio::test]
async fn a_stream_of_an_undeclared_media_type_is_not_begun() {
    let make = || pieces("text/csv", &["a,b\n"]);
    let got = ask(Mode::Enforce, "GET", "/streams", make()).await;
    assert_eq!((got.status, got.only()), (500, ("Content-Type", "undeclared_media_type")));
    let got = ask(Mode::Sample(1.0), "GET", "/streams", make()).await;
    assert_eq!((got.status, &*got.body.0), (200, "a,b\n"));
    let bytes = ask(Mode::Enforce, "GET", "/streams", pieces("application/octet-stream", &["any"])).await;
    assert_eq!((bytes.status, bytes.told.len()), (200, 0));
}

#[tokio::test]
async fn a_row_without_end_is_not_waited_for() {
    let endless = || {
        let piece = Bytes::from(vec![b'1'; 1 << 20]);
        let pieces = std::iter::repeat_n(piece, 32).map(Ok);
        Ok(Reply::new(200).stream("application/x-ndjson", Box::pin(stream::iter(pieces))))
    };
    let got = ask(Mode::Enforce, "GET", "/streams", endless).await;
    assert_eq!((got.only(), got.body.clone()), (("#/0", "too_large"), (String::new(), false)));
    let got = ask(Mode::Sample(1.0), "GET", "/streams", endless).await;
    assert_eq!((got.only(), got.body.0.len(), got.body.1), (("#/0", "too_large"), 32 << 20, true));
}
