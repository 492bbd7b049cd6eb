//! Users, projects and tasks of the older Python service, with rows that it accepted and this one would not.

use platform::identity::Accounts;
use platform::settings::Environment::{Development, Production};
use platform::{Database, migrate};
use testkit::TestDatabase;

const OLDER: &str = "
CREATE TABLE users (id serial PRIMARY KEY, email varchar NOT NULL UNIQUE, hashed_password varchar NOT NULL,
    full_name varchar, is_active boolean DEFAULT true, is_superuser boolean DEFAULT false,
    created_at timestamptz DEFAULT now(), updated_at timestamptz DEFAULT now());
CREATE TABLE projects (id serial PRIMARY KEY, title varchar NOT NULL, description varchar,
    owner_id integer NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
CREATE TABLE tasks (id serial PRIMARY KEY, title varchar NOT NULL, description varchar,
    status varchar DEFAULT 'TODO', due_date timestamp,
    project_id integer NOT NULL REFERENCES projects (id) ON DELETE CASCADE,
    assignee_id integer REFERENCES users (id) ON DELETE SET NULL,
    created_at timestamp DEFAULT now(), updated_at timestamp DEFAULT now());
INSERT INTO users (email, hashed_password, is_superuser) VALUES
    ('admin@example.com', 'admin', true), ('user@example.com', 'user', false), ('third@example.com', 'third', false);
INSERT INTO projects (title, owner_id) VALUES ('ok', 1), (repeat('long ', 100), 2), ('Proper', 1);
INSERT INTO tasks (title, project_id, assignee_id, status) VALUES
    ('no', 1, 3, 'TODO'), (repeat('x', 101), 3, 3, 'IN_PROGRESS'), ('Proper', 3, 3, 'DONE'), ('??', 3, NULL, NULL);
";

async fn older() -> TestDatabase {
    let test = TestDatabase::empty().await;
    test.execute(OLDER).await;
    test
}

#[tokio::test(flavor = "multi_thread")]
async fn rows_with_titles_of_any_length_stay_usable() {
    let test = older().await;
    migrate::run(&test.settings(), Development).await.expect("migrates");
    let statuses = "SELECT string_agg(status, ' ' ORDER BY id) FROM tasks";
    let found: String = sqlx::query_scalar(statuses).fetch_one(&mut test.connect().await).await.expect("tasks");
    assert_eq!(found, "ToDo InProgress Done ToDo");
    for change in [
        "UPDATE projects SET description = 'new'",
        "UPDATE tasks SET status = 'Done'",
        "DELETE FROM users WHERE id = 3",
        "DELETE FROM users WHERE id = 2",
    ] {
        test.execute(change).await;
    }
    let left = "SELECT format('%s %s', (SELECT count(*) FROM projects), (SELECT count(*) FROM tasks WHERE assignee_id IS NULL))";
    let left: String = sqlx::query_scalar(left).fetch_one(&mut test.connect().await).await.expect("rows");
    assert_eq!(left, "2 4");
    // The other constraints hold.
    let mut db = test.connect().await;
    let refused = sqlx::query("UPDATE tasks SET status = 'Whatever'").execute(&mut db).await.expect_err("no status");
    assert!(refused.to_string().contains("tasks_status_check"), "{refused}");
}

#[tokio::test(flavor = "multi_thread")]
async fn demo_accounts_log_in_but_not_in_production() {
    let flags = ["--secret-key", "a key of the tests, long enough for HS256"];
    let pairs = [("admin@example.com", "admin"), ("user@example.com", "user"), ("third@example.com", "third")];
    for (environment, works) in [(Development, [true, true, false]), (Production, [false; 3])] {
        let test = older().await;
        migrate::run(&test.settings(), environment).await.expect("migrates");
        let db = Database::new(&test.settings(), "test").expect("settings");
        let accounts = Accounts::start(db, &test.settings(), &testkit::settings(&flags), "test").expect("settings");
        for ((email, password), works) in pairs.into_iter().zip(works) {
            let login = accounts.login(platform::Guard::none(), email, password.into()).await;
            assert_eq!(login.is_ok(), works, "{email} in {environment:?}");
        }
    }
}
