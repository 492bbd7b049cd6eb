//! A worker dies at every boundary between two steps, as by kill -9; whoever comes next goes on from there.

use std::time::{Duration, Instant};

use backends::Server;
use deadpool_redis::redis::{Value, cmd};
use shop::pipeline::failpoints::{self, EXPIRY_COMMITTED, EXPIRY_WRITTEN, Failpoint};
use sqlx::Executor as _;
use tokio::time::sleep;

use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::system::DRAINED;

const STREAM: &str = "shop:orders";
/// The quantity nobody can order, while the trigger is there.
const SPOILT: i64 = 13;
const TRIGGER: &str = "
    CREATE FUNCTION refuse_spoilt() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'spoilt'; END $$;
    CREATE TRIGGER spoilt BEFORE INSERT ON reservations FOR EACH ROW WHEN (NEW.quantity = 13)
        EXECUTE FUNCTION refuse_spoilt();
    ALTER TABLE reservations DISABLE TRIGGER spoilt";

#[tokio::test(flavor = "multi_thread")]
async fn a_worker_may_die_at_any_boundary() {
    let mut system = System::prepare(&Plan { workers: 0, ..Plan::new("boundaries") }).await;
    system.migrate().await;
    system.db.execute(TRIGGER).await.expect("the trigger is made");
    // Without Redis the API publishes nothing, so that the worker which is going to die is the first to do it.
    system.shops[0].set("REDIS_URL", "");
    system.shops[0].start();
    system.ready().await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000_000).await;
    let user = Shopper::admin(&system).await;
    let mut healthy = system.process("worker", "healthy", &[]);
    let (mut orders, mut poison, mut failed, mut expired) = (0, 0, 0, 0);
    for point in failpoints::all() {
        let name = point.0;
        for quantity in [1, 2, SPOILT] {
            orders += order(&user, product, quantity).await;
        }
        brought_about(&mut system, point).await;
        let mut doomed = system.process("worker", &format!("dies-at-{name}"), &[("FAILPOINT", &format!("{name}:die"))]);
        doomed.start();
        let deadline = Instant::now() + DRAINED;
        while !doomed.is_gone() {
            assert!(Instant::now() < deadline, "nobody came to {name}:\n{}", doomed.tail());
            // What was there may have been taken before anybody came to the boundary.
            sleep(Duration::from_millis(200)).await;
            orders += order(&user, product, 1).await;
        }
        put_right(&mut system, point).await;
        match point {
            Failpoint::MESSAGE_DEAD_LETTERED => (poison, failed) = (poison + 1, failed + 1),
            Failpoint::ENTRY_DEAD_LETTERED => poison += 1,
            EXPIRY_WRITTEN | EXPIRY_COMMITTED => expired += 1,
            _ => {}
        }
        healthy.start();
        system.comes_to_rest(poison).await;
        // What has expired is given back soon, and is no work that waits.
        while system.orders("CANCELLED").await < expired && Instant::now() < deadline {
            sleep(Duration::from_millis(100)).await;
        }
        healthy.kill();
        let states = [system.orders("RESERVED").await, system.orders("FAILED").await, system.orders("CANCELLED").await];
        assert_eq!(states, [orders - failed - expired, failed, expired], "after {name}");
    }
}

async fn order(user: &Shopper, product: i64, quantity: i64) -> i64 {
    let outcome = user.order(None, &[(product, quantity)]).await;
    assert!(matches!(outcome, Outcome::Acked(_)), "{outcome:?}");
    1
}

/// Sees to it that a worker comes to the boundary, where orders alone do not bring it there.
async fn brought_about(system: &mut System, point: Failpoint) {
    match point {
        Failpoint::RELAY_REJECTED => system.kill(Server::Redis),
        Failpoint::WORKER_CLAIMED => {
            published(system, true).await;
            let mut redis = system.redis().await;
            let mut read = cmd("XREADGROUP");
            read.arg(&["GROUP", "workers", "dead", "COUNT", "10", "STREAMS", STREAM, ">"]);
            read.query_async::<Value>(&mut redis).await.expect("they are delivered");
            time_passes(system).await;
        }
        Failpoint::FAILURE_COUNTED => sql(system, "ALTER TABLE reservations ENABLE TRIGGER spoilt").await,
        Failpoint::MESSAGE_DEAD_LETTERED => {
            sql(system, "ALTER TABLE reservations ENABLE TRIGGER spoilt; UPDATE outbox SET attempts = 5").await;
        }
        Failpoint::ENTRY_DEAD_LETTERED => {
            let mut add = cmd("XADD");
            add.arg(&[STREAM, "*", "garbage", "?"]);
            add.query_async::<Value>(&mut system.redis().await).await.expect("it is added");
        }
        EXPIRY_WRITTEN | EXPIRY_COMMITTED => {
            sql(
                system,
                "UPDATE orders SET expires_at = now() - interval '1 second'
                 WHERE id = (SELECT min(id) FROM orders WHERE status = 'RESERVED')",
            )
            .await;
        }
        Failpoint::LOST_REPUBLISHED => published(system, false).await,
        Failpoint::GROUP_CREATED => {
            cmd("DEL").arg(STREAM).query_async::<()>(&mut system.redis().await).await.expect("it is gone");
        }
        _ => {}
    }
}

/// Ends what was brought about; what is only a matter of waiting need not be waited for.
async fn put_right(system: &mut System, point: Failpoint) {
    if point == Failpoint::RELAY_REJECTED {
        system.resume(Server::Redis);
    }
    sql(system, "ALTER TABLE reservations DISABLE TRIGGER spoilt").await;
    time_passes(system).await;
}

async fn sql(system: &System, sql: &'static str) {
    system.db.execute(sql).await.expect("it is done");
}

/// Messages are marked as published; whether they are in the stream as well.
async fn published(system: &System, appended: bool) {
    let sql = "UPDATE outbox SET published_at = now() - interval '10 seconds' RETURNING id";
    let messages: Vec<i64> = sqlx::query_scalar(sql).fetch_all(&system.db).await.expect("the messages");
    let mut redis = system.redis().await;
    for message in messages.iter().filter(|_| appended) {
        let mut add = cmd("XADD");
        add.arg(&[STREAM, "*", "message", &message.to_string()]);
        add.query_async::<Value>(&mut redis).await.expect("it is added");
    }
}

/// Lets a minute pass for what was published and what was delivered.
async fn time_passes(system: &System) {
    sql(system, "UPDATE outbox SET published_at = published_at - interval '50 seconds'").await;
    let mut redis = system.redis().await;
    let mut pending = cmd("XPENDING");
    pending.arg(&[STREAM, "workers", "-", "+", "100"]);
    // Without a group nothing was delivered.
    let pending: Vec<(String, String, u64, u64)> = pending.query_async(&mut redis).await.unwrap_or_default();
    for (entry, consumer, ..) in pending {
        let mut claim = cmd("XCLAIM");
        claim.arg(&[STREAM, "workers", &consumer, "0", &entry, "IDLE", "60000", "JUSTID"]);
        claim.query_async::<Value>(&mut redis).await.expect("it is older");
    }
}
