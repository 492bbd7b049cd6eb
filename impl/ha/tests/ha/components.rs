//! The components themselves: each starts, does what the other tests expect of it, and ends.

use std::sync::Arc;
use std::time::Duration;

use deadpool_redis::redis::cmd;
use ha::{ClusterPlan, HaProxy, PgBouncer, PoolMode, PostgresCluster, RedisCluster, Sentinel, Site};
use sqlx::{Connection as _, PgConnection};

const TURN: Duration = Duration::from_secs(60);

async fn is_replica(url: &str) -> bool {
    let mut connection = PgConnection::connect(url).await.expect("Postgres answers");
    sqlx::query_scalar("SELECT pg_is_in_recovery()").fetch_one(&mut connection).await.expect("an answer")
}

#[tokio::test(flavor = "multi_thread")]
async fn postgres_turns_to_another_primary_whatever_happens_to_the_first() {
    let site = Arc::new(Site::new("postgres").expect("the programs are there"));
    let mut cluster = PostgresCluster::start(&site, &ClusterPlan::default()).await.expect("a cluster");
    let proxy = HaProxy::of_postgres(&site, &cluster).expect("a proxy");
    let users = [(ha::OWNER.to_owned(), ha::PASSWORD.to_owned())];
    let pooler =
        |mode| PgBouncer::start(&site, (proxy.primary(), mode), &users, "extra_float_digits").expect("a pooler");
    let poolers = [pooler(PoolMode::Session), pooler(PoolMode::Transaction)];
    tokio::time::sleep(Duration::from_secs(2)).await;
    for (at, replica) in [
        (proxy.primary(), false),
        (proxy.replicas(), true),
        (poolers[0].address(), false),
        (poolers[1].address(), false),
    ] {
        assert_eq!(is_replica(&PostgresCluster::url(&at.to_string())).await, replica);
    }

    let old = cluster.switchover().await.expect("a switchover");
    cluster.other_than(old, TURN).await.expect("another primary");
    cluster.healthy(TURN).await.expect("they follow");

    let old = cluster.kill_primary().await.expect("a primary");
    cluster.other_than(old, TURN).await.expect("another primary");
    cluster[old].revive().expect("it starts");
    cluster.healthy(TURN).await.expect("they follow");

    let old = cluster.freeze_primary().await.expect("a primary");
    cluster.other_than(old, TURN).await.expect("another primary");
    cluster[old].thaw();
    cluster.healthy(TURN).await.expect("they follow");

    let old = cluster.cut_off_primary().await.expect("a primary");
    cluster.other_than(old, TURN).await.expect("another primary");
    cluster[old].reconnect();
    cluster.healthy(TURN).await.expect("they follow");

    cluster.etcd.restart().await.expect("it starts");
    cluster.writable(TURN).await.expect("a primary");
    cluster.healthy(TURN).await.expect("they follow");
}

#[tokio::test(flavor = "multi_thread")]
async fn redis_turns_to_another_primary() {
    let site = Arc::new(Site::new("sentinel").expect("the programs are there"));
    let mut group = Sentinel::start(&site).await.expect("a group");
    let proxy = HaProxy::of_redis(&site, &group.servers, ha::PASSWORD).expect("a proxy");
    assert_eq!(group.primary().await.expect("a primary"), 0);
    group.failover().await.expect("another primary");
    let old = group.primary().await.expect("a primary");
    group.servers[old].kill().expect("it is killed");
    group.other_than(old).await.expect("another primary");
    group.servers[old].revive().expect("it starts");
    let now = group.primary().await.expect("a primary");
    let role: Vec<deadpool_redis::redis::Value> = group.servers[now].ask(&cmd("ROLE")).await.expect("a role");
    assert_eq!(format!("{:?}", role[0]), "bulk-string('\"master\"')");
    drop(proxy);
}

#[tokio::test(flavor = "multi_thread")]
async fn slots_of_a_redis_cluster_move() {
    let site = Arc::new(Site::new("redis-cluster").expect("the programs are there"));
    let cluster = RedisCluster::start(&site).await.expect("a cluster");
    cluster.reshard(0, 1, 100).await.expect("slots move");
    cluster.complete().await.expect("every slot is served");
}
