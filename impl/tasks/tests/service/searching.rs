//! Search and order as people expect: case, accents and Unicode form do not matter, also in rows written by SQL.

use serde_json::json;

use crate::listing::{TASKS, ids_of, walk};
use crate::world::{World, id, ids, with_query};

#[tokio::test(flavor = "multi_thread")]
async fn what_is_looked_for_is_found_in_every_spelling() {
    let world = World::new().await;
    let ada = world.person("ada").await;
    let project = ada.project("Spellings").await;
    for (spellings, others) in [
        (
            vec!["Café au lait", "CAFE\u{301} AU LAIT", "cafe au lait", "ＣＡＦＥ au lait"],
            vec!["Caff au lait", "coffee"],
        ),
        (vec!["Straße 1", "STRASSE 1", "strasse 1"], vec!["strase 1"]),
        (vec!["İstanbul", "istanbul", "ISTANBUL", "ıstanbul"], vec!["stanbul."]),
        (vec!["ΟΔΥΣΣΕΥΣ", "Οδυσσεύς", "οδυσσευσ"], vec!["Οδυσσε"]),
        (vec!["Ёжик", "ежик", "ЁЖИК"], vec!["жик"]),
        (vec!["ﬁnal office", "final OFFICE"], vec!["f inal office"]),
        (vec!["Łódź", "lodz", "LÓDŹ"], vec!["lod z"]),
    ] {
        let mut wanted = Vec::new();
        for (n, title) in spellings.iter().enumerate() {
            // Also in a description, and in a row written by a script.
            let task = id(&match n % 2 {
                0 => ada.task(&project, title, json!({})).await,
                _ => ada.task(&project, "Described", json!({"description": format!("See: {title}!")})).await,
            });
            wanted.push(task);
            let sql = "INSERT INTO tasks (title, project_id) VALUES ($1, $2) RETURNING id";
            let mut db = world.database.connect().await;
            let inserted = sqlx::query_scalar(sql).bind(title).bind(id(&project)).fetch_one(&mut db).await;
            wanted.push(inserted.expect("a task"));
        }
        for title in others {
            ada.task(&project, title, json!({})).await;
        }
        for q in &spellings {
            let found = ada.client.get(&with_query(TASKS, &[("q", q), ("count", "true")])).await;
            assert_eq!(ids(&found.json), wanted, "{q}");
            assert_eq!(found.header("x-total-count"), wanted.len().to_string());
            let by_title = with_query(TASKS, &[("q", q), ("sort", "title")]);
            assert_eq!(walk(&ada.client, &by_title, 1).await.len(), wanted.len(), "{q} page by page");
        }
    }
    // A change is found with its new text, and not with its old one.
    let task = ada.task(&project, "Übung", json!({})).await;
    let path = format!("{TASKS}/{}", task["id"]);
    ada.client.patch(&path, &json!({"title": "Pause"})).await.expect(200);
    assert_eq!(ids(&ada.client.get(&with_query(TASKS, &[("q", "ubung")])).await.expect(200)), [0; 0]);
    world.database.execute(&format!("UPDATE tasks SET description = 'Frühstück' WHERE id = {}", task["id"])).await;
    assert_eq!(ids(&ada.client.get(&with_query(TASKS, &[("q", "fruhstuck")])).await.expect(200)), [id(&task)]);
    // One character becomes eighteen, and is searched and sorted by all the same.
    let long = "\u{fdfa}".repeat(100);
    let task = ada.task(&project, &long, json!({"description": "\u{fdfa}".repeat(10_000)})).await;
    assert_eq!(ids(&ada.client.get(&with_query(TASKS, &[("q", &long[..30])])).await.expect(200)), [id(&task)]);
    // In any script, three characters can be searched for; accents and invisible characters do not count.
    let written = id(&ada.task(&project, "東京都に行く", json!({"description": "é\u{301}\u{200b}x"})).await);
    assert_eq!(ids(&ada.client.get(&with_query(TASKS, &[("q", "東京都")])).await.expect(200)), [written]);
    for few in ["", "a", "ab", "東京"] {
        let refused = ada.client.get(&with_query(TASKS, &[("q", few)])).await;
        assert_eq!((refused.status.as_u16(), &refused.json["errors"][0]["code"]), (422, &json!("too_short")), "{few}");
    }
    for nothing_left in ["\u{301}\u{301}\u{301}", "e\u{301}\u{301}", "é\u{200b}x", "\u{200b}\u{200b}\u{200b}"] {
        let found = ada.client.get(&with_query(TASKS, &[("q", nothing_left), ("count", "true")])).await;
        assert_eq!((ids(&found.json), found.header("x-total-count")), (vec![], "0"), "{nothing_left:?}");
    }
    // Characters with a meaning in regular expressions are matched literally.
    for q in [".*x", "(?i)a", "[a-z]x", "a|b", "***=a", "\\mp", "^pau", "pause$"] {
        assert_eq!(ids(&ada.client.get(&with_query(TASKS, &[("q", q)])).await.expect(200)), [0; 0], "{q}");
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn words_of_every_script_are_looked_up_in_the_index() {
    let world = World::new().await;
    let mut db = world.database.connect().await;
    let trigrams = sqlx::query("SELECT FROM pg_extension WHERE extname = 'pg_trgm'").fetch_optional(&mut db).await;
    if trigrams.expect("an answer").is_none() {
        return;
    }
    let (ada, ben) = (world.person("ada").await, world.person("ben").await);
    let (few, many) = (id(&ada.project("Few").await), id(&ben.project("Many").await));
    let rows = "INSERT INTO tasks (title, description, project_id) \
                SELECT 'Task ' || n, md5(n::text) || md5((n * 7)::text), CASE WHEN n % 100 = 0 THEN $1 ELSE $2 END \
                FROM generate_series(1, 10000) n";
    sqlx::query(rows).bind(few).bind(many).execute(&mut db).await.expect("rows");
    sqlx::raw_sql("VACUUM ANALYZE tasks").execute(&mut db).await.expect("statistics");
    for q in ["needle", "100% sure", "東京都", "Ёжик", "ΟΔΥΣΣΕΥΣ", "Łódź_", "x東京都庁é\\"] {
        for owner in ["TRUE", "owner_id = 3", "owner_id = 4"] {
            let mut sql = sqlx::QueryBuilder::new(format!("EXPLAIN SELECT id FROM tasks WHERE {owner}"));
            platform::page::search(&mut sql, "search_text", q);
            sql.push(" ORDER BY id LIMIT 21");
            let plan: Vec<String> =
                sql.build_query_scalar().persistent(false).fetch_all(&mut db).await.expect("a plan");
            let plan = plan.join("\n");
            // Few rows may all be read.
            let of_few = owner == "owner_id = 3" && plan.contains("tasks_owner_id");
            assert!(of_few || plan.contains("tasks_search_text_idx"), "{q} where {owner}:\n{plan}");
        }
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn lists_are_in_the_order_of_a_dictionary() {
    let world = World::new().await;
    let (admin, ada) = (world.admin().await, world.person("ada").await);
    let sorted = ["100 apples", "Äpfel", "apple", "apricot", "Éclair", "eclat", "Zebra", "zèbre"];
    let mixed = [6, 1, 4, 0, 7, 2, 5, 3].map(|n| sorted[n]);
    for title in mixed {
        let project = ada.project(title).await;
        ada.task(&project, title, json!({})).await;
        admin
            .post(
                "/api/v1/users",
                &json!({"email": format!("{}@a.example.com", title.len()), "password": "secret", "full_name": title}),
            )
            .await;
    }
    let titles = |rows: Vec<serde_json::Value>| -> Vec<String> {
        rows.iter().map(|row| row["title"].as_str().expect("a title").to_owned()).collect()
    };
    for list in [TASKS, "/api/v1/projects"] {
        for limit in [1, 3, 100] {
            assert_eq!(titles(walk(&ada.client, &format!("{list}?sort=title"), limit).await), sorted, "{list}");
            let falling = titles(walk(&ada.client, &format!("{list}?sort=-title"), limit).await);
            assert_eq!(falling, sorted.iter().rev().copied().collect::<Vec<_>>(), "{list}");
        }
    }
    // The same word in several spellings: by id, and each once.
    let project = ada.project("Same").await;
    let mut same = Vec::new();
    for title in ["résumé", "RESUME", "Re\u{301}sume\u{301}", "resume"] {
        same.push(id(&ada.task(&project, title, json!({})).await));
    }
    let path = format!("{TASKS}?project_id={}&sort=title", project["id"]);
    assert_eq!(ids_of(&walk(&ada.client, &path, 1).await), same);
    let users = admin.get("/api/v1/users?q=ECLAIR").await.expect(200);
    assert_eq!(users.as_array().map(Vec::len), Some(1));
}
