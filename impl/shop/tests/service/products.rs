//! Products: created, changed, archived.

use futures_util::future::join_all;
use serde_json::{Value, json};
use testkit::Answer;

use crate::world::{PRODUCTS, World, id, ids};

fn with(member: &str, value: impl Into<Value>) -> Value {
    let mut product = json!({"sku": "EDGE", "name": "Edge", "price_cents": 1});
    product[member] = value.into();
    product
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_is_what_was_put_on_the_shelf() {
    let world = World::new().await;
    let full = json!({"sku": "SPOON-1", "name": "Spoon", "description": "Made of wood.", "price_cents": 250,
        "currency": "EUR", "stock": 100});
    let answer = world.admin.post(PRODUCTS, &full).await;
    let location = answer.header("location").to_owned();
    let made = answer.expect(201);
    assert_eq!(location, format!("{PRODUCTS}/{}", made["id"]));
    for (member, value) in full.as_object().expect("an object") {
        assert_eq!(made[member], *value, "{member}");
    }
    assert_eq!(made["created_at"], made["updated_at"]);
    assert_eq!(world.nobody.get(&location).await.expect(200), made);

    let least = world.admin.post(PRODUCTS, &json!({"sku": "L", "name": "l", "price_cents": 0})).await.expect(201);
    assert_eq!((&least["description"], &least["currency"]), (&Value::Null, &json!("USD")));
    assert_eq!((&least["price_cents"], &least["stock"]), (&json!(0), &json!(0)));
    // Initial stock of zero is not recorded either.
    assert_eq!(world.number(&format!("SELECT count(*) FROM stock_entries WHERE product_id = {}", id(&least))).await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn limits_are_those_of_the_document() {
    let world = World::new().await;
    let good = [
        with("sku", "s"),
        with("sku", "😀".repeat(100)),
        with("name", "n"),
        with("name", "ü".repeat(255)),
        with("description", ""),
        with("description", "€".repeat(10_000)),
        with("description", Value::Null),
        with("description", "<b>'; DROP TABLE products; --</b>\n"),
        with("price_cents", 0),
        with("price_cents", 4_000_000_000_i64),
        with("stock", 1_000_000_000),
        with("currency", "JPY"),
    ];
    for body in &good {
        let made = world.admin.post(PRODUCTS, body).await.expect(201);
        for (member, value) in body.as_object().expect("an object") {
            assert_eq!(made[member], *value, "{member}");
        }
        world.admin.delete(&format!("{PRODUCTS}/{}", made["id"])).await.expect(204);
    }
    let kept = world.product("KEPT", 1, 1).await;
    let path = format!("{PRODUCTS}/{}", kept["id"]);
    let bad: [(&str, Value); 21] = [
        ("sku", "".into()),
        ("sku", "s".repeat(101).into()),
        ("sku", "nul \u{0}".into()),
        ("sku", Value::Null),
        ("sku", 7.into()),
        ("name", "".into()),
        ("name", "n".repeat(256).into()),
        ("name", Value::Null),
        ("description", "d".repeat(10_001).into()),
        ("description", false.into()),
        ("price_cents", (-1).into()),
        ("price_cents", 4_000_000_001_i64.into()),
        ("price_cents", 1.5.into()),
        ("price_cents", "1".into()),
        ("price_cents", Value::Null),
        ("currency", "usd".into()),
        ("currency", "US".into()),
        ("currency", "USDX".into()),
        ("id", 1.into()),
        ("deleted_at", Value::Null),
        ("updated_at", "2030-01-01T00:00:00Z".into()),
    ];
    for (member, value) in &bad {
        let pointer = format!("#/{member}");
        world.admin.post(PRODUCTS, &with(member, value.clone())).await.expect_invalid(&pointer);
        world.admin.patch(&path, &json!({*member: value})).await.expect_invalid(&pointer);
    }
    for stock in [json!(-1), json!(1_000_000_001), json!(null)] {
        world.admin.post(PRODUCTS, &with("stock", stock)).await.expect_invalid("#/stock");
    }
    for member in ["sku", "name", "price_cents"] {
        let mut product = with("stock", 1);
        product.as_object_mut().expect("an object").remove(member);
        world.admin.post(PRODUCTS, &product).await.expect_invalid(&format!("#/{member}"));
    }
    assert_eq!(world.nobody.get(&path).await.expect(200), kept);
    assert_eq!(world.number("SELECT count(*) FROM products WHERE sku = 'EDGE' AND deleted_at IS NULL").await, 0);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_patch_changes_what_it_names_and_nothing_else() {
    let world = World::new().await;
    let before = world.product("PATCHED", 100, 5).await;
    let path = format!("{PRODUCTS}/{}", before["id"]);
    let mut expected = before.clone();
    let patches = [
        json!({"description": "Described"}),
        json!({"name": "Renamed", "price_cents": 4_000_000_000_i64}),
        json!({"sku": "RENAMED", "currency": "EUR"}),
        json!({"description": null}),
    ];
    for patch in &patches {
        let after = world.admin.patch(&path, patch).await.expect(200);
        assert!(after["updated_at"].as_str() > expected["updated_at"].as_str());
        expected.as_object_mut().expect("an object").extend(patch.as_object().expect("an object").clone());
        expected["updated_at"] = after["updated_at"].clone();
        assert_eq!(after, expected);
        assert_eq!(world.nobody.get(&path).await.expect(200), expected);
    }
    // An update without changes has no effect.
    for patch in [json!({}), json!({"name": "Renamed", "description": null, "currency": "EUR"})] {
        assert_eq!(world.admin.patch(&path, &patch).await.expect(200), expected);
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_sku_belongs_to_one_product() {
    let world = World::new().await;
    let first = world.product("FIRST", 1, 0).await;
    let second = world.product("SECOND", 1, 0).await;
    let again = json!({"sku": "FIRST", "name": "Again", "price_cents": 1, "stock": 7});
    world.admin.post(PRODUCTS, &again).await.expect_problem(409, "sku_taken");
    let path = format!("{PRODUCTS}/{}", second["id"]);
    world.admin.patch(&path, &json!({"sku": "FIRST", "name": "x"})).await.expect_problem(409, "sku_taken");
    assert_eq!(world.nobody.get(&path).await.expect(200), second, "nothing of it was done");
    // The product's own SKU is not taken, in any spelling.
    for own in ["second", "SECOND"] {
        world.admin.patch(&path, &json!({"sku": own})).await.expect(200);
    }
    // SKUs that look the same are the same: case, form, and white space or invisible characters.
    let wide = "\u{ff26}\u{ff29}\u{ff32}\u{ff33}\u{ff34}";
    for same in ["first", " First ", "FIRST\u{a0}", "FI RST", "fi\u{200b}rst", "FI\u{ad}RST", wide] {
        let twin = json!({"sku": same, "name": "Again", "price_cents": 1});
        world.admin.post(PRODUCTS, &twin).await.expect_problem(409, "sku_taken");
        world.admin.patch(&path, &json!({"sku": same})).await.expect_problem(409, "sku_taken");
    }
    let (composed, apart) = ("Caf\u{e9}-\u{c4}", "CAFE\u{301}-a\u{308}");
    world.product(composed, 1, 0).await;
    let twin = json!({"sku": apart, "name": "Again", "price_cents": 1});
    world.admin.post(PRODUCTS, &twin).await.expect_problem(409, "sku_taken");
    world.product("FIRST-1", 1, 0).await;
    // Scripts that insert by SQL work as before.
    let script = "INSERT INTO products (sku, name, price_cents) VALUES ('SECOND', 'Scripted', 7)
                  ON CONFLICT (sku) WHERE deleted_at IS NULL DO UPDATE SET name = excluded.name";
    world.database.execute(script).await;
    assert_eq!(world.nobody.get(&path).await.expect(200)["name"], "Scripted");

    world.admin.delete(&format!("{PRODUCTS}/{}", first["id"])).await.expect(204);
    let reused = world.admin.post(PRODUCTS, &again).await.expect(201);
    assert_ne!(reused["id"], first["id"]);
    let ledger = world.admin.get(&format!("{PRODUCTS}/{}/ledger", reused["id"])).await.expect(200);
    assert_eq!((ids(&ledger).len(), &ledger[0]["quantity"]), (1, &json!(7)), "refused products were not received");
}

#[tokio::test(flavor = "multi_thread")]
async fn of_20_products_with_one_sku_one_is_made() {
    let world = World::new().await;
    world.warm_up(id(&world.product("WARM", 1, 0).await)).await;
    let product = json!({"sku": "WANTED", "name": "Wanted", "price_cents": 1, "stock": 3});
    let answers = join_all((0..20).map(|_| world.admin.post(PRODUCTS, &product))).await;
    let (made, refused): (Vec<Answer>, Vec<Answer>) = answers.into_iter().partition(|a| a.status.as_u16() == 201);
    assert_eq!(made.len(), 1);
    for answer in refused {
        answer.expect_problem(409, "sku_taken");
    }
    let received = "SELECT sum(e.quantity)::bigint FROM stock_entries e JOIN products p ON p.id = e.product_id
                    WHERE p.sku = 'WANTED'";
    assert_eq!(world.number(received).await, 3);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_product_off_the_shelf_is_not_found() {
    let world = World::new().await;
    let product = world.product("GONE", 100, 5).await;
    let order = world.stored_order("RESERVED", None, &product, 2).await;
    let path = format!("{PRODUCTS}/{}", product["id"]);
    let answer = world.admin.delete(&path).await;
    assert_eq!((answer.status.as_u16(), &*answer.text), (204, ""));
    world.nobody.get(&path).await.expect_problem(404, "product_not_found");
    world.admin.patch(&path, &json!({"price_cents": 1})).await.expect_problem(404, "product_not_found");
    world.admin.delete(&path).await.expect_problem(404, "product_not_found");
    world.adjust(id(&product), 1).await.expect_problem(404, "product_not_found");
    let listed = world.nobody.get(&format!("{PRODUCTS}?q=gone&count=true")).await;
    assert_eq!(listed.header("x-total-count"), "0");
    assert_eq!(listed.expect(200), json!([]));

    // Orders that contain it stay, and so do ledger entries; reserved stock is still released.
    assert_eq!(world.number(&format!("SELECT count(*) FROM order_items WHERE order_id = {order}")).await, 1);
    world.database.execute(&format!("SELECT release_stock(ARRAY[{order}]::bigint[])")).await;
    assert_eq!(world.number(&format!("SELECT stock FROM products WHERE id = {}", id(&product))).await, 5);
}

#[tokio::test(flavor = "multi_thread")]
async fn whoever_takes_a_product_off_the_shelf_is_written_down() {
    let world = World::new().await;
    let product = id(&world.product("GONE", 1, 10).await);
    let path = format!("{PRODUCTS}/{product}");
    let written = format!(
        "SELECT count(*) FROM audit_events WHERE action = 'product.deleted' AND object_type = 'product' \
         AND object_id = '{product}' AND actor_id IS NOT NULL AND request_id IS NOT NULL"
    );
    let stale = world.admin.request(http::Method::DELETE, &path).header("if-match", "\"x\"");
    world.admin.send(stale).await.expect_problem(412, "precondition_failed");
    assert_eq!(world.number(&written).await, 0, "what is refused leaves nothing");
    world.admin.delete(&path).await.expect(204);
    world.admin.delete(&path).await.expect_problem(404, "product_not_found");
    assert_eq!(world.number(&written).await, 1);
}
