//! Another client holds every connection of Postgres: requests are rejected soon, the process survives, and recovers at once
//! after.

use std::time::{Duration, Instant};

use sqlx::postgres::PgConnection;
use sqlx::{ConnectOptions as _, Connection as _};
use tokio::time::sleep;

use crate::shopper::{Outcome, Shopper};
use crate::system::{Plan, System};
use testkit::system::IMPATIENT;

/// How soon a request must be rejected.
const REFUSED: Duration = Duration::from_secs(2);
/// How soon orders are accepted again: a connection is opened for each of the first.
const RECOVERED: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread")]
async fn without_a_connection_requests_are_refused_soon_and_served_again_after() {
    let mut system = System::start(&Plan { environment: IMPATIENT, ..Plan::new("held-connections") }).await;
    let product = Shopper::admin(&system).await.product("plenty", 1_000).await;
    let user = Shopper::admin(&system).await;
    let Outcome::Acked(before) = user.order(None, &[(product, 1)]).await else { panic!("not accepted") };

    let held = hold_all(&system).await;
    let mut refused = 0;
    let until = Instant::now() + Duration::from_secs(3);
    while Instant::now() < until {
        let asked = Instant::now();
        match user.order(None, &[(product, 1)]).await {
            Outcome::Unavailable(_) => refused += 1,
            other => panic!("{other:?} without a connection"),
        }
        let took = asked.elapsed();
        assert!(took <= REFUSED, "refused after {took:?}");
        system.shops[0].answers("/health", REFUSED).await;
    }
    assert!(refused > 0);
    drop(held);

    let back = Instant::now();
    while !matches!(user.order(None, &[(product, 1)]).await, Outcome::Acked(_)) {
        assert!(back.elapsed() < RECOVERED, "not accepted within {RECOVERED:?}");
        sleep(Duration::from_millis(20)).await;
    }
    system.ready().await;
    system.comes_to_rest(0).await;
    assert_eq!(user.see(before).await["status"], "RESERVED");
    assert_eq!(system.number("SELECT count(*) FROM orders").await, 2, "what was refused is not there");
}

/// Takes every connection, also those of the processes.
async fn hold_all(system: &System) -> Vec<PgConnection> {
    const OTHERS: &str = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity
        WHERE datname = current_database() AND application_name NOT IN ('holder', '')";
    let options = system.db.connect_options().as_ref().clone().application_name("holder");
    let mut held: Vec<PgConnection> = Vec::new();
    let mut quiet = 0;
    let deadline = Instant::now() + Duration::from_secs(20);
    // Until none became free for a while.
    while quiet < 20 {
        assert!(Instant::now() < deadline, "{} connections, and not all", held.len());
        match options.connect().await {
            Ok(connection) => {
                held.push(connection);
                quiet = 0;
            }
            Err(_) => {
                let first = held.first_mut().expect("one is held");
                sqlx::query(OTHERS).execute(&mut *first).await.expect("the others are ended");
                quiet += 1;
                sleep(Duration::from_millis(20)).await;
            }
        }
    }
    for connection in &mut held {
        connection.ping().await.expect("it is held");
    }
    held
}
