//! A test's keys, removed when it ends, and separate from others.

use deadpool_redis::redis::cmd;
use testkit::TestRedis;

#[tokio::test]
async fn keys_of_a_test_are_its_own_and_go_with_it() {
    let (mine, other) = (TestRedis::new(), TestRedis::new());
    let mut redis = other.connect().await;
    for test in [&mine, &other] {
        let cache = test.cache();
        let key = cache.key("name");
        assert_eq!(key, format!("{}name", test.prefix()));
        let mut connection = cache.connection().await.expect("a connection");
        cmd("SET").arg(key).arg("here").query_async::<()>(&mut connection).await.expect("it is set");
    }
    let (gone, kept) = (format!("{}name", mine.prefix()), format!("{}name", other.prefix()));
    drop(mine);
    let count: i64 = cmd("EXISTS").arg(&gone).query_async(&mut redis).await.expect("an answer");
    assert_eq!(count, 0, "{gone} is left");
    let value: String = cmd("GET").arg(&kept).query_async(&mut redis).await.expect("an answer");
    assert_eq!(value, "here");
}
