//! Whether the statements of a crate match the schema, and the roles that run them are allowed to.

use std::collections::{BTreeMap, BTreeSet};

use platform::sql::{STATEMENTS, Statement, Text};
use secrecy::ExposeSecret as _;
use sqlx::{AssertSqlSafe, Connection as _, Executor as _, PgConnection, SqlSafeStr as _, Statement as _};

use crate::TestDatabase;

/// Statements that can be planned; of others only the grammar is checked.
const PLANNED: [&str; 6] = ["SELECT", "WITH", "INSERT", "UPDATE", "DELETE", "VALUES"];

/// Prepares and plans, on the migrated schema, every statement in files of this folder of the workspace; each with at least one
/// of these roles.
///
/// # Panics
/// With the location of every statement that cannot be prepared, or that none of the roles may run.
pub async fn prepare_all(folder: &str, roles: &[&str]) {
    let test = TestDatabase::new().await;
    let mut sessions = Vec::new();
    for role in roles {
        let mut session =
            PgConnection::connect(test.settings_of(role).url().expose_secret()).await.expect("it may log in");
        // Planned without values, as for a statement that has been run often.
        session.execute("SET plan_cache_mode = force_generic_plan").await.expect("anybody may");
        sessions.push(session);
    }
    let here: Vec<&Statement> = STATEMENTS.iter().filter(|statement| statement.file.starts_with(folder)).collect();
    assert!(!here.is_empty(), "there are no statements in {folder}");
    let mut wrong = BTreeMap::new();
    for statement in here {
        let texts = match statement.text {
            Text::Fixed(text) => vec![text.to_owned()],
            // Many differ in values only.
            Text::Shapes(shapes) => shapes().into_iter().collect::<BTreeSet<_>>().into_iter().collect(),
        };
        for text in texts {
            let mut refusals = Vec::new();
            for session in &mut sessions {
                match plan(session, &text).await {
                    Ok(()) => break,
                    Err(error) => refusals.push(told(statement, &error)),
                }
            }
            if refusals.len() == sessions.len() {
                // Of many shapes with the same error, one is enough.
                wrong.extend(refusals.into_iter().map(|refusal| (refusal, text.clone())));
            }
        }
    }
    let wrong: Vec<String> = wrong.into_iter().map(|(refusal, text)| format!("{refusal}\n  in: {text}")).collect();
    assert!(wrong.is_empty(), "\n{}\n", wrong.join("\n"));
}

async fn plan(session: &mut PgConnection, text: &str) -> sqlx::Result<()> {
    let prepared = session.prepare(AssertSqlSafe(text.to_owned()).into_sql_str()).await?;
    if !PLANNED.iter().any(|verb| text.trim_start().starts_with(verb)) {
        return Ok(());
    }
    let count = prepared.parameters().map_or(0, |parameters| parameters.map_left(<[_]>::len).either(|n| n, |n| n));
    let values = vec!["NULL"; count].join(", ");
    let values = if count == 0 { values } else { format!("({values})") };
    session.execute(AssertSqlSafe(format!("PREPARE statement AS {text}"))).await?;
    // Privileges are checked when a plan is executed; EXPLAIN includes that.
    let explained = session.execute(AssertSqlSafe(format!("EXPLAIN EXECUTE statement{values}"))).await;
    session.execute("DEALLOCATE statement").await?;
    explained.map(|_| ())
}

/// The location, and the error of Postgres.
fn told(Statement { file, line, .. }: &Statement, error: &sqlx::Error) -> String {
    match error.as_database_error() {
        Some(error) => format!("{file}:{line}: {}", error.message()),
        None => format!("{file}:{line}: {error}"),
    }
}
