//! Page views as CSV.

use chrono::TimeDelta;

use crate::world::{View, World, time, view, with_query};

const EXPORT: &str = "/api/p3/analytics/export";
const HEADING: &str = "id,created_at,path,user_id,country,referrer,device,visitor,bot,claimed_user_id\r\n";

#[tokio::test(flavor = "multi_thread")]
async fn rows_are_quoted_where_they_must_be() {
    let world = World::new().await;
    let full = View {
        user: Some(2),
        country: Some("DE"),
        referrer: Some("example.com"),
        device: Some("mobile"),
        visitor: Some("9f86d081884c7d65"),
        bot: Some("a, b"),
        ..view("/a\"b\",\r\n", time("2026-01-31T09:30:00Z"))
    };
    world.store(&[full, view("/x", time("2026-01-31T09:30:00.000001Z"))]).await;
    world
        .database
        .execute("UPDATE page_views SET id = 1 WHERE bot IS NOT NULL; UPDATE page_views SET id = 2 WHERE bot IS NULL")
        .await;
    let answer = world.admin.get(EXPORT).await;
    assert_eq!(answer.header("content-type"), "text/csv");
    let first = "1,2026-01-31T09:30:00Z,\"/a\"\"b\"\",\r\n\",2,DE,example.com,mobile,9f86d081884c7d65,\"a, b\",\r\n";
    assert_eq!(answer.text, format!("{HEADING}{first}2,2026-01-31T09:30:00.000001Z,/x,,,,,,,\r\n"));
}

#[tokio::test(flavor = "multi_thread")]
async fn it_goes_on_after_the_last_row() {
    let world = World::new().await;
    let at = time("2026-01-31T09:30:00Z");
    // More than two pages, and out of order over three days.
    let views: Vec<_> =
        (0..4_500).map(|n| view(if n % 3 == 0 { "/x" } else { "/y" }, at - TimeDelta::hours(n * 7 % 60))).collect();
    world.store(&views).await;
    let rows = async |query: &[(&str, &str)]| -> Vec<(String, i64)> {
        let answer = world.admin.get(&with_query(EXPORT, query)).await;
        assert_eq!(answer.status, 200, "{}", answer.text);
        let rows = answer.text.strip_prefix(HEADING).expect("a heading");
        let row = |row: &str| {
            let mut fields = row.split(',');
            let id = fields.next().and_then(|id| id.parse().ok()).expect("an id");
            (fields.next().expect("a time").to_owned(), id)
        };
        rows.lines().map(row).collect()
    };
    let ids = async |query: &[(&str, &str)]| -> Vec<i64> { rows(query).await.into_iter().map(|row| row.1).collect() };
    let all = rows(&[]).await;
    assert_eq!(all.len(), 4_500);
    assert!(all.is_sorted_by(|one, next| (time(&one.0), one.1) < (time(&next.0), next.1)));
    let first = rows(&[("limit", "2001")]).await;
    assert_eq!(first, all[..2_001]);
    let (at, id) = &first[2_000];
    let rest = rows(&[("start", at), ("after_id", &id.to_string())]).await;
    assert_eq!(rest, all[2_001..]);
    assert_eq!(ids(&[("path", "/x")]).await.len(), 1_500);
    assert_eq!(ids(&[("start", "2026-02-01")]).await, [0; 0]);
    let now = [("start", "2026-01-31T09:30:00Z"), ("end", "2026-01-31T09:30:00.000001Z")];
    assert_eq!(ids(&now).await.len(), 75);
}

#[tokio::test(flavor = "multi_thread")]
async fn superusers_only() {
    let world = World::new().await;
    world.nobody.get(EXPORT).await.expect_problem(401, "missing_token");
    world.user.get(EXPORT).await.expect_problem(403, "insufficient_scope");
}

#[tokio::test(flavor = "multi_thread")]
async fn no_cell_is_a_formula() {
    let world = World::new().await;
    for path in ["=HYPERLINK(\"http://evil.example\")", "+1", "-1", "@SUM(1)", "\t=1", "＝1", " =1"] {
        let body = serde_json::json!({"path": path, "user_id": 7});
        world.nobody.post("/api/p3/page-views", &body).await.expect(201);
    }
    let rows = world.admin.get(EXPORT).await.text;
    let rows: Vec<&str> = rows.lines().skip(1).collect();
    assert_eq!(rows.len(), 7);
    for row in rows {
        let path = row.split_once("Z,").expect("a time").1;
        assert!(path.starts_with("\"'"), "{row}");
        // The user was only claimed.
        assert!(row.ends_with(",7") && row.contains("\",,"), "{row}");
    }
}
