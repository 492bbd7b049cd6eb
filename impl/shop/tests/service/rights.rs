//! Everyone reads products, superusers change them and use the administration.

use serde_json::json;

use crate::world::{PRODUCTS, World, ask, id};

#[tokio::test(flavor = "multi_thread")]
async fn who_signs_up_here_is_known_here() {
    let world = World::new().await;
    let person = world.person("ada").await;
    let me = person.client.get("/api/v2/users/me").await.expect(200);
    assert_eq!((id(&me), &me["is_superuser"]), (person.id, &json!(false)));
    world.nobody.get("/api/v2/users/me").await.expect_problem(401, "missing_token");
}

#[tokio::test(flavor = "multi_thread")]
async fn everybody_reads_products() {
    let world = World::new().await;
    let product = world.product("OPEN", 100, 5).await;
    let person = world.person("ada").await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    // An invalid token does not prevent anyone from reading public data.
    for client in [&world.nobody, &person.client, &world.admin, &world.nobody.with_token("garbage")] {
        assert_eq!(client.get(&path).await.expect(200), product);
        assert_eq!(client.get(&format!("{PRODUCTS}?q=OPEN")).await.expect(200), json!([product]));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn only_superusers_change_products_and_see_behind_them() {
    let world = World::new().await;
    let product = world.product("KEPT", 100, 5).await;
    let person = world.person("ada").await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    let new = json!({"sku": "NEW", "name": "New", "price_cents": 1});
    let change = json!({"price_cents": 1});
    let requests = [
        ("POST", PRODUCTS.to_owned(), Some(&new)),
        ("PATCH", path.clone(), Some(&change)),
        ("DELETE", path.clone(), None),
        ("PATCH", format!("{path}/stock?delta=1"), None),
        ("GET", format!("{path}/ledger"), None),
        ("GET", "/api/v2/admin/dead-letters".into(), None),
        ("GET", "/api/v2/admin/dead-letters/1".into(), None),
        ("DELETE", "/api/v2/admin/dead-letters/1".into(), None),
        ("POST", "/api/v2/admin/dead-letters/1/requeue".into(), None),
        ("GET", "/api/v2/admin/queue".into(), None),
    ];
    for (method, path, body) in &requests {
        ask(&world.nobody, method, path, *body).await.expect_problem(401, "missing_token");
        ask(&person.client, method, path, *body).await.expect_problem(403, "insufficient_scope");
        // Permissions are checked before the request.
        ask(&person.client, method, path, Some(&json!(0))).await.expect_problem(403, "insufficient_scope");
    }
    assert_eq!(world.nobody.get(&path).await.expect(200), product);
    assert_eq!(world.number("SELECT count(*) FROM products WHERE sku = 'NEW'").await, 0);
    assert_eq!(
        world.number(&format!("SELECT count(*) FROM stock_entries WHERE product_id = {}", id(&product))).await,
        1
    );
}
