//! What a list of products is narrowed by.

use serde_json::json;

use crate::world::{PRODUCTS, World, id, ids, with_query};

#[tokio::test(flavor = "multi_thread")]
async fn a_search_looks_into_sku_name_and_description() {
    let world = World::new().await;
    let texts = [
        ("AB-100%", "Spoon", None),
        ("AB_2", "Wooden fork", Some("goes with the SPOON")),
        ("ab\\3", "Löffel", Some("100 percent")),
        ("CD-4", "O'Hara \"quoted\"", Some("日本語のさじ")),
    ];
    let mut made = Vec::new();
    for (sku, name, description) in texts {
        let product = json!({"sku": sku, "name": name, "description": description, "price_cents": 1});
        made.push(id(&world.admin.post(PRODUCTS, &product).await.expect(201)));
    }
    let cases: [(&str, &[usize]); 13] = [
        ("spoon", &[0, 1]),
        ("SPOON", &[0, 1]),
        ("ab_", &[1]),
        ("löff", &[2]),
        ("LÖFF", &[2]),
        // Not wildcards.
        ("00%", &[0]),
        ("b_2", &[1]),
        ("B\\3", &[2]),
        ("100", &[0, 2]),
        ("o'hara \"", &[3]),
        ("のさじ", &[3]),
        ("nowhere", &[]),
        ("'; DROP TABLE products; --", &[]),
    ];
    for (q, expected) in cases {
        let answer = world.nobody.get(&with_query(PRODUCTS, &[("q", q), ("count", "true"), ("limit", "1000")])).await;
        assert_eq!(answer.header("x-total-count"), expected.len().to_string(), "{q}");
        let expected: Vec<i64> = expected.iter().map(|n| made[*n]).collect();
        assert_eq!(ids(&answer.expect(200)), expected, "{q}");
    }
    for (q, status) in [("", 422), ("さじ", 422), ("abc\0", 422), (&"q".repeat(64), 200), (&"q".repeat(65), 422)] {
        let answer = world.nobody.get(&with_query(PRODUCTS, &[("q", q)])).await;
        assert_eq!(answer.status.as_u16(), status, "{q}: {}", answer.text);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn what_is_sold_out_is_told_from_what_is_in_stock() {
    let world = World::new().await;
    let mut made = Vec::new();
    for (sku, stock) in [("X-1-none", 0), ("X-1-one", 1), ("X-1-many", 1_000_000_000), ("X-1-sold", 1)] {
        made.push(id(&world.product(sku, 1, stock).await));
    }
    world.adjust(made[3], -1).await.expect(200);
    let list = async |query: &str| ids(&world.nobody.get(&format!("{PRODUCTS}?q=X-1-&{query}")).await.expect(200));
    assert_eq!(list("in_stock=true").await, made[1..3]);
    assert_eq!(list("in_stock=false").await, [made[0], made[3]]);
    assert_eq!(list("in_stock=false&sort=-id&limit=1").await, [made[3]]);
    let both = format!("{PRODUCTS}?q=x-1-n&in_stock=");
    assert_eq!(ids(&world.nobody.get(&format!("{both}false")).await.expect(200)), made[..1]);
    assert_eq!(ids(&world.nobody.get(&format!("{both}true")).await.expect(200)), [0_i64; 0]);
    world.nobody.get(&format!("{PRODUCTS}?in_stock=maybe")).await.expect_invalid("#/in_stock");
}
