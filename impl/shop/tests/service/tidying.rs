//! Old data is deleted by a worker, with the privileges of its role only.

use crate::world::World;

/// One of each kind that is old enough to be deleted.
const OLD: &str = "
    INSERT INTO idempotency_keys (user_id, key, fingerprint, status, headers, body, created_at)
    VALUES (1, 'old', decode(repeat('00', 16), 'hex'), 200, '{}', '', now() - interval '25 hours');
    INSERT INTO known_addresses (user_id, address, seen_at)
    VALUES (1, decode(repeat('00', 16), 'hex'), now() - interval '91 days');
    INSERT INTO audit_events (action, object_type, created_at) VALUES ('user.deleted', 'user', now() - interval '401 days')";

/// How many of each are left: stored responses, addresses, audit events.
async fn left(world: &World) -> [i64; 3] {
    [
        world.number("SELECT count(*) FROM idempotency_keys WHERE key = 'old'").await,
        world.number("SELECT count(*) FROM known_addresses WHERE seen_at < now() - interval '90 days'").await,
        world.number("SELECT count(*) FROM audit_events WHERE created_at < now() - interval '400 days'").await,
    ]
}

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_forgets_what_is_old() {
    let world = World::new().await;
    world.database.execute(OLD).await;
    assert_eq!(left(&world).await, [1; 3]);
    world.pipeline.tidy().await.expect("the role of a worker may do it");
    assert_eq!(left(&world).await, [0; 3]);
}

#[tokio::test(flavor = "multi_thread")]
async fn a_right_that_is_missing_keeps_nothing_else_from_being_forgotten() {
    let world = World::new().await;
    for (table, left_over) in [("idempotency_keys", [1, 0, 0]), ("known_addresses", [0, 1, 0])] {
        let change = |what: &str, whom: &str| {
            let sql = format!("EXECUTE format('{what} DELETE ON {table} {whom} %I', current_user || '_worker')");
            format!("DO $$ BEGIN {sql}; END $$")
        };
        world.database.execute(OLD).await;
        world.database.execute(&change("REVOKE", "FROM")).await;
        let failure = world.pipeline.tidy().await.expect_err("it is told");
        assert_eq!(failure.sqlstate().as_deref(), Some("42501"), "{failure}");
        assert_eq!(left(&world).await, left_over, "{table}");
        world.database.execute(&change("GRANT", "TO")).await;
        world.pipeline.tidy().await.expect("it may again");
        assert_eq!(left(&world).await, [0; 3], "{table}");
    }
}
