//! The database becomes another: an older one after a failover that lost writes, or one that was restored.

use serde_json::json;
use testkit::TestDatabase;

use crate::world::World;

const VIEWS: &str = "/api/p3/page-views";

#[tokio::test(flavor = "multi_thread")]
async fn views_are_counted_for_their_path_whatever_number_it_had_before() {
    let world = World::new().await;
    let view = async |path: &str| world.nobody.post(VIEWS, &json!({ "path": path })).await;
    view("/lost").await.expect(201);
    let number = world.number("SELECT id FROM paths WHERE path = '/lost'").await;

    let other = TestDatabase::new().await;
    other.execute("INSERT INTO paths (path, seen_on) VALUES ('/another', current_date)").await;
    world.database.replace(&other).await;
    assert_eq!(
        world.number("SELECT id FROM paths WHERE path = '/another'").await,
        number,
        "it has the number of /lost"
    );

    // While connections break it may be refused.
    let accepted = async { while view("/lost").await.status != 201 {} };
    tokio::time::timeout(std::time::Duration::from_secs(30), accepted).await.expect("views are accepted again");
    view("/lost").await.expect(201);
    let counted = "SELECT count(*) FROM page_views v JOIN paths p ON p.id = v.path_id WHERE p.path = ";
    assert_eq!(world.number(&format!("{counted} '/another'")).await, 0);
    assert!(world.number(&format!("{counted} '/lost'")).await >= 2);
    world.verify().await;
}
