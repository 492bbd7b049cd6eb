//! Each service's role in Postgres has the privileges that the service needs, and no others.

use platform::privileges::{Object, ROLES, rights};
use platform::settings::Environment::Development;
use platform::settings::RoleSettings;
use secrecy::ExposeSecret as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection};
use testkit::TestDatabase;

/// The objects in the schema, without partitions and objects of extensions.
async fn names(test: &TestDatabase, sql: &str) -> Vec<String> {
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_all(&mut test.connect().await).await.expect("answers")
}

/// A connection as a service's role.
async fn connect(test: &TestDatabase, service: &str) -> PgConnection {
    let url = test.settings_of(service).url();
    PgConnection::connect(url.expose_secret()).await.expect("the role may log in")
}

/// The roles that exist: services can be removed.
fn there<const N: usize>(roles: [&'static str; N]) -> impl Iterator<Item = &'static str> {
    roles.into_iter().filter(|role| ROLES.iter().any(|(known, _)| known == role))
}

async fn refused(test: &TestDatabase, service: &str, sql: &str) {
    let error = connect(test, service).await.execute(AssertSqlSafe(sql.to_owned())).await.expect_err(sql);
    let code = error.as_database_error().and_then(|error| error.code().map(std::borrow::Cow::into_owned));
    // A read-only role gets that error first.
    let wanted = if service == "verify" && code.as_deref() == Some("25006") { "25006" } else { "42501" };
    assert_eq!(code.as_deref(), Some(wanted), "{service}: {sql}: {error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn everything_in_the_schema_has_its_line() {
    let test = TestDatabase::new().await;
    let (mut tables, mut functions) = (Vec::new(), Vec::new());
    for object in rights().into_keys() {
        match object {
            Object::Table(name) => tables.push(name),
            Object::Columns(name, column) => {
                let known = format!("SELECT attname::text FROM pg_attribute WHERE attrelid = to_regclass('{name}')");
                assert!(names(&test, &known).await.contains(&column), "{name} has no column {column}");
            }
            Object::Definer(name) => functions.push(name),
        }
    }
    let here = "relnamespace = current_schema()::regnamespace";
    let known = format!(
        "SELECT relname::text FROM pg_class WHERE {here} AND relkind IN ('r', 'p', 'v', 'm', 'f') AND NOT relispartition"
    );
    let missing = |known: Vec<String>, lines: &[String]| {
        known.into_iter().filter(|name| !lines.contains(name)).collect::<Vec<_>>()
    };
    // Tables of a removed service may stay, for their owner.
    let missing_tables = missing(names(&test, &known).await, &tables);
    let names_of_roles: Vec<String> = ROLES.iter().map(|(role, _)| format!("'_{role}'")).collect();
    let open = format!(
        "SELECT relname::text FROM pg_class, pg_roles WHERE {here} AND relname = ANY (string_to_array('{}', ',')) \
         AND rolname = ANY (SELECT current_user || role FROM unnest(ARRAY[{}]) role) \
         AND has_table_privilege(rolname, pg_class.oid, 'SELECT, INSERT, UPDATE, DELETE')",
        missing_tables.join(","),
        names_of_roles.join(", ")
    );
    assert_eq!(names(&test, &open).await, [""; 0], "tables without a line in migrations/privileges");
    // Their privileges are those of the column that they belong to.
    let alone = format!(
        "SELECT relname::text FROM pg_class s WHERE {here} AND relkind = 'S' AND NOT EXISTS (SELECT FROM pg_depend d \
         WHERE d.objid = s.oid AND d.classid = 'pg_class'::regclass AND d.deptype IN ('a', 'i'))"
    );
    assert_eq!(names(&test, &alone).await, [""; 0], "sequences of no column");
    // Those of a removed service are left to the owner, too.
    let open = format!(
        "SELECT proname::text FROM pg_proc, pg_roles WHERE pronamespace = current_schema()::regnamespace AND prosecdef \
         AND NOT proname = ANY (string_to_array('{}', ',')) \
         AND rolname = ANY (SELECT current_user || role FROM unnest(ARRAY[{}]) role) \
         AND has_function_privilege(rolname, pg_proc.oid, 'EXECUTE')",
        functions.join(","),
        names_of_roles.join(", ")
    );
    assert_eq!(names(&test, &open).await, [""; 0], "functions that act for the owner without a line there");
    let loose = "SELECT proname::text FROM pg_proc WHERE pronamespace = current_schema()::regnamespace AND prosecdef \
         AND (has_function_privilege('public', oid, 'EXECUTE') OR proname = ANY (string_to_array('{}', ',')) \
              AND NOT EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=%pg_temp'))";
    let loose = loose.replace("{}", &functions.join(","));
    assert_eq!(names(&test, &loose).await, [""; 0], "anybody may call them, or choose what they find");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_statement_can_be_prepared() {
    let services: Vec<&str> = ROLES.iter().map(|(role, _)| *role).collect();
    testkit::statements::prepare_all("impl/platform/", &services).await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_but_tasks_reads_password_hashes() {
    let test = TestDatabase::new().await;
    for service in there(["shop", "worker", "analytics", "verify"]) {
        for sql in [
            "SELECT hashed_password FROM users",
            "SELECT * FROM users",
            "SELECT id FROM users WHERE hashed_password LIKE '$2%'",
            "COPY users TO STDOUT",
            "SELECT users FROM users",
        ] {
            refused(&test, service, sql).await;
        }
        let mut db = connect(&test, service).await;
        db.execute("SELECT id, email, full_name, is_active, session_epoch FROM users").await.expect("who there is");
    }
    for service in there(["worker", "verify"]) {
        refused(&test, service, "SELECT password_hash_of(1)").await;
    }
    for service in there(["analytics"]) {
        let hash: String = sqlx::query_scalar("SELECT password_hash_of(1)")
            .fetch_one(&mut connect(&test, service).await)
            .await
            .expect("one");
        assert!(hash.starts_with("$argon2id$"));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_service_cannot_do_what_is_another_s() {
    let test = TestDatabase::new().await;
    for (service, statements) in [
        (
            "analytics",
            &["SELECT 1 FROM orders", "UPDATE products SET stock = 1", "SELECT 1 FROM tasks", "DELETE FROM outbox"][..],
        ),
        (
            "shop",
            &[
                "SELECT 1 FROM page_views",
                "SELECT 1 FROM projects",
                "DELETE FROM orders",
                "UPDATE order_events SET order_id = 1",
            ],
        ),
        (
            "worker",
            &[
                "INSERT INTO users (email, hashed_password) VALUES ('a@b.c', '')",
                "INSERT INTO products (sku) VALUES ('')",
            ],
        ),
        ("tasks", &["SELECT 1 FROM orders", "SELECT 1 FROM page_views"]),
    ] {
        for sql in statements.iter().filter(|_| there([service]).count() == 1) {
            refused(&test, service, sql).await;
        }
    }
    for service in there(["tasks", "shop", "worker", "analytics", "verify"]) {
        for sql in [
            "CREATE TABLE loot (id int)",
            "DROP TABLE users",
            "ALTER TABLE users DISABLE TRIGGER ALL",
            "TRUNCATE revoked_tokens",
            "CREATE FUNCTION to_regclass(text) RETURNS regclass LANGUAGE sql AS 'SELECT NULL::regclass'",
            "CREATE ROLE loot",
            "SELECT drop_page_views_of('2026-01-01')",
        ] {
            if service != "analytics" || !sql.contains("drop_page_views_of") {
                refused(&test, service, sql).await;
            }
        }
    }
    // Rights can be granted by roles that may change them.
    for service in there(["shop", "analytics"]) {
        let open = |rights: &str| {
            format!(
                "INSERT INTO users (email, hashed_password, is_superuser) VALUES ('{service}{rights}@x.y', '', {rights})"
            )
        };
        refused(&test, service, &open("true")).await;
        connect(&test, service).await.execute(AssertSqlSafe(open("false"))).await.expect("an account");
        refused(&test, service, "UPDATE users SET is_superuser = true").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn an_account_goes_with_what_other_services_keep_of_it() {
    if there(["tasks"]).count() == 0 {
        return;
    }
    let test = TestDatabase::new().await;
    test.execute(
        "INSERT INTO users (id, email, hashed_password) VALUES (70, 'leaving@x.y', ''); \
         INSERT INTO orders (id, user_id, status, total_cents, expires_at) VALUES (70, 70, 'RESERVED', 199, now() + interval '1 hour'); \
         INSERT INTO reservations (order_id, product_id, quantity, state) VALUES (70, 2, 3, 'held'); \
         UPDATE products SET stock = stock - 3 WHERE id = 2",
    )
    .await;
    connect(&test, "tasks").await.execute("DELETE FROM users WHERE id = 70").await.expect("it goes");
    let stock: i64 = sqlx::query_scalar("SELECT stock::bigint FROM products WHERE id = 2")
        .fetch_one(&mut test.connect().await)
        .await
        .expect("answers");
    assert_eq!(stock, 1000, "what was held for it is on the shelf again");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_only_reads_cannot_write() {
    let test = TestDatabase::new().await;
    for (object, of) in rights() {
        let letters = of.get("verify").into_iter().flatten();
        assert!(
            !matches!(object, Object::Table(_)) || letters.clone().all(|letter| *letter == 'S'),
            "{object:?}: verify only reads"
        );
    }
    let error = connect(&test, "verify").await.execute("CREATE TEMPORARY TABLE t ()").await.expect_err("it only reads");
    assert!(error.to_string().contains("read-only"), "{error}");
}

#[tokio::test(flavor = "multi_thread")]
async fn every_migration_puts_things_right_again() {
    if there(["shop", "worker", "analytics"]).count() < 3 {
        return;
    }
    let test = TestDatabase::new().await;
    let owner: String =
        sqlx::query_scalar("SELECT current_user::text").fetch_one(&mut test.connect().await).await.expect("answers");
    test.execute(&format!(
        "REVOKE SELECT ON products FROM {owner}_shop; GRANT SELECT ON users TO {owner}_analytics; \
         GRANT EXECUTE ON FUNCTION password_hash_of(bigint) TO PUBLIC; ALTER FUNCTION password_hash_of(bigint) RESET search_path"
    ))
    .await;
    connect(&test, "analytics").await.execute("SELECT hashed_password FROM users").await.expect("somebody let it");
    let roles = RoleSettings::default();
    let settings = test.settings();
    // All at once, as the processes of a deployment do.
    let runs = (0..8).map(|_| platform::migrate::run_with_roles(&settings, Development, &roles));
    for run in futures_util::future::join_all(runs).await {
        assert_eq!(run.expect("it migrates").without_role, None);
    }
    connect(&test, "shop").await.execute("SELECT 1 FROM products").await.expect("its own");
    refused(&test, "analytics", "SELECT hashed_password FROM users").await;
    refused(&test, "worker", "SELECT password_hash_of(1)").await;
    connect(&test, "analytics")
        .await
        .execute("SELECT email, password_hash_of(id) FROM users")
        .await
        .expect("as before");
}

#[tokio::test(flavor = "multi_thread")]
async fn who_may_not_make_roles_goes_on_with_one() {
    let test = TestDatabase::new().await;
    let role = format!("weak_{}", test.url().rsplit('_').next().expect("a name"));
    test.execute(&format!("CREATE ROLE {role} LOGIN PASSWORD 'weak'")).await;
    let database = test.settings().url_as(|_| role.clone(), "weak").expect("a URL");
    let fresh = TestDatabase::empty().await;
    let name = fresh.url().rsplit('/').next().expect("a name");
    test.execute(&format!("GRANT {role} TO CURRENT_USER")).await;
    test.execute(&format!("ALTER DATABASE {name} OWNER TO {role}")).await;
    let place = database.expose_secret().rsplit_once('/').expect("a URL").0.to_owned();
    let settings = testkit::settings(&["--database-url", &format!("{place}/{name}")]);
    let service = ROLES[0].0;
    let roles: RoleSettings = testkit::settings(&[&format!("--{service}-database-password"), "b81e0c47"]);
    let run =
        platform::migrate::run_with_roles(&settings, Development, &roles).await.expect("it migrates all the same");
    assert!(run.without_role.is_some_and(|reason| reason.contains(&format!("{role}_{service}"))));
    drop(fresh);
    test.execute(&format!("DROP ROLE {role}")).await;
}
