//! Forms of several parts.

use std::sync::LazyLock;

use axum::Router;
use contract::{BodyRule, Bounds, File, Input, Items, Media, Operation, Part, Problem, Routes, Statuses, Text};
use tokio::io::AsyncReadExt as _;

use crate::service::{Got, Told, post, router, serve};

static UPLOAD: Operation = Operation {
    id: "upload",
    method: "POST",
    path: "/upload",
    body: Some(BodyRule {
        media: &[Media::of("multipart/form-data").parts(&[
            Part::text("count"),
            Part::text("tags").repeated(),
            Part::json("meta"),
            Part::file("avatar").media(&["image/png", "image/*"]),
            Part::file("photos").repeated(),
        ])],
        required: true,
        limit: 2_000_000,
    }),
    statuses: Statuses::of(&[200, 400, 413, 415, 422, 500]),
    ..Operation::NEW
};

/// As the generator writes it.
struct UploadBody {
    count: i32,
    tags: Option<Vec<String>>,
    meta: bool,
    avatar: File,
    photos: Option<Vec<File>>,
}

fn upload(input: &mut Input<'_>) -> Option<(UploadBody,)> {
    let body = input.form(|mut form, at| {
        let count = form.required(at, "count", |v, at| at.integer(v, &contract::Integer::INT32.min(1)));
        let tags = form.optional(at, "tags", |v, at| at.array(v, &Items::ANY.max(2), |v, at| at.string(v, &Text::ANY)));
        let meta = form
            .required(at, "meta", |v, at| at.object(v, &Bounds::ANY)?.required(at, "public", |v, at| at.boolean(v)));
        let avatar = form.file(at, "avatar");
        let photos = form.optional_files(at, "photos", &Items::ANY.max(2));
        form.close(at);
        Some(UploadBody { count: count?, tags: tags?, meta: meta?, avatar: avatar?, photos: photos? })
    });
    Some((body?,))
}

static ROUTER: LazyLock<Router> = LazyLock::new(|| {
    router(serve!(Routes::new(), UPLOAD, upload, async |_, (body,): (UploadBody,)| {
        let mut told = format!("{} {:?} {} ", body.count, body.tags, body.meta);
        told += &format!("{:?} {} ", body.avatar.file_name(), body.avatar.size());
        let mut content = Vec::new();
        body.avatar.into_reader().read_to_end(&mut content).await.map_err(Problem::internal)?;
        told += &format!("{:?}", content.iter().map(|byte| u64::from(*byte)).sum::<u64>());
        for photo in body.photos.into_iter().flatten() {
            told += &format!(" {}", photo.bytes().await.map_err(Problem::internal)?.len());
        }
        Ok::<_, Problem>(Told::from(told))
    }))
});

const PNG: &str = "; filename=\"a.png\"\r\nContent-Type: image/png";
const META: (&str, &str, &[u8]) = ("meta", "", b"{\"public\":true}");

async fn send(parts: &[(&str, &str, &[u8])]) -> Got {
    let mut body = Vec::new();
    for (name, more, content) in parts {
        body.extend_from_slice(
            format!("--b o\r\nContent-Disposition: form-data; name=\"{name}\"{more}\r\n\r\n").as_bytes(),
        );
        body.extend_from_slice(content);
        body.extend_from_slice(b"\r\n");
    }
    body.extend_from_slice(b"--b o--");
    post(&ROUTER, "/upload", "multipart/form-data; boundary=\"b o\"", body).await
}

#[tokio::test]
async fn fields_are_decoded_and_files_are_handed_over() {
    let large = vec![1; 600_000];
    let parts: &[(&str, &str, &[u8])] = &[
        ("avatar", PNG, &large),
        ("count", "", b"7"),
        META,
        ("tags", "", b"a"),
        ("tags", "\r\nContent-Type: text/plain; charset=utf-8", "ü".as_bytes()),
        ("photos", "; filename=\"1\"", &large),
        ("photos", "; filename=\"2\"", b"12"),
    ];
    let got = send(parts).await;
    assert_eq!(got.text, "7 Some([\"a\", \"ü\"]) true Some(\"a.png\") 600000 600000 600000 2");
    let got = send(&[("count", "", b"1"), META, ("tags", "", b"a"), ("avatar", PNG, b"")]).await;
    assert_eq!(got.text, "1 Some([\"a\"]) true Some(\"a.png\") 0 0");
}

#[tokio::test]
async fn what_breaks_the_schema_is_refused_before_the_handler() {
    let count: (&str, &str, &[u8]) = ("count", "", b"1");
    let avatar: (&str, &str, &[u8]) = ("avatar", PNG, b"x");
    for (parts, pointer, code) in [
        (vec![META, avatar], "#/count", "required"),
        (vec![("count", "", b"0".as_slice()), META, avatar], "#/count", "too_small"),
        (vec![count, count, META, avatar], "#/count", "duplicate"),
        (vec![count, META], "#/avatar", "required"),
        (vec![count, META, avatar, avatar], "#/avatar", "duplicate"),
        (vec![count, META, ("avatar", "\r\nContent-Type: text/plain", b"x")], "#/avatar", "invalid_format"),
        (vec![count, META, ("avatar", "", b"x")], "#/avatar", "invalid_format"),
        (
            vec![count, META, avatar, ("photos", "", b""), ("photos", "", b""), ("photos", "", b"")],
            "#/photos",
            "too_many_items",
        ),
        (vec![count, META, avatar, ("other", "", b"")], "#/other", "unknown_member"),
        (vec![count, META, avatar, ("other", PNG, b"")], "#/other", "unknown_member"),
        (vec![count, avatar, ("meta", "", b"{}")], "#/meta/public", "required"),
    ] {
        let got = send(&parts).await;
        let problem: serde_json::Value = serde_json::from_str(&got.text).expect("a problem");
        assert_eq!(
            (&problem["errors"][0]["pointer"], &problem["errors"][0]["code"]),
            (&pointer.into(), &code.into()),
            "{problem}"
        );
    }
}

#[tokio::test]
async fn what_is_no_form_is_refused() {
    for (media, body, code) in [
        ("multipart/form-data", "--b--", "malformed_body"),
        ("multipart/form-data; boundary=b", "", "malformed_body"),
        ("multipart/form-data; boundary=b", "--b\r\n\r\n--b--", "malformed_body"),
        (
            "multipart/form-data; boundary=b",
            "--b\r\nContent-Disposition: form-data; name=\"count\"\r\n\r\n1",
            "malformed_body",
        ),
        ("multipart/form-data; boundary=b", "--b--\r\n", "required"),
        ("multipart/mixed; boundary=b", "--b--", "unsupported_media_type"),
    ] {
        assert_eq!(post(&ROUTER, "/upload", media, body).await.code(), code, "{media} {body}");
    }
    let got = send(&[("meta", "", b"{"), ("count", "", b"1")]).await;
    assert_eq!(got.code(), "malformed_body");
    let got = send(&[("avatar", PNG, &vec![0; 2_000_001])]).await;
    assert_eq!((got.status.as_u16(), &*got.code()), (413, "body_too_large"));
}
