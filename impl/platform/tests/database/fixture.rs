//! A database of a test, with a table to write to.

use platform::{Database, Error};
use testkit::TestDatabase;

pub(crate) struct Fixture {
    pub(crate) db: Database,
    // Dropped last: the connections are closed by then.
    pub(crate) test: TestDatabase,
}

impl Fixture {
    pub(crate) async fn new(flags: &[&str]) -> Self {
        let test = TestDatabase::empty().await;
        test.execute(
            "CREATE TABLE notes (id bigint PRIMARY KEY, text text NOT NULL CONSTRAINT notes_text_check CHECK (text <> ''))",
        )
        .await;
        let settings = testkit::settings(&[&["--database-url", test.url()], flags].concat());
        Self { db: Database::new(&settings, "test").expect("settings"), test }
    }

    pub(crate) async fn insert(&self, id: i64) -> Result<(), Error> {
        self.db
            .write(move |mut tx| async move {
                sqlx::query("INSERT INTO notes VALUES ($1, 'x')").bind(id).execute(&mut *tx).await?;
                Ok(())
            })
            .await
    }

    pub(crate) async fn insert_once(&self, id: i64) -> Result<(), Error> {
        let insert = sqlx::query("INSERT INTO notes VALUES ($1, 'x')").bind(id);
        self.db
            .write_once(move |mut tx| async move { insert.execute(&mut *tx).await.map(drop).map_err(Error::from) })
            .await
    }

    pub(crate) async fn count(&self) -> i64 {
        sqlx::query_scalar("SELECT count(*) FROM notes").fetch_one(self.db.reads()).await.expect("count")
    }
}
