//! Least privilege in Postgres: a role for each service, with exactly the privileges in `migrations/privileges`.
//!
//! Part of a migration, and under its lock. Only differences are changed, in one transaction, so that a migration of an
//! up-to-date database writes nothing.

mod rights;

use std::time::Duration;

use platform_store::{has_code, sql};
use postgres_protocol::password::scram_sha_256;
use sqlx::{Connection as _, PgConnection};

use self::rights::VERIFY_ROLE;
use crate::connection::execute;
use crate::roles::RoleSettings;

pub use self::rights::{Object, Rights, rights};
pub use crate::roles::{GROUPS, ROLES, role_of};

/// The letters of table privileges.
const PRIVILEGE_LETTERS: [(char, &str); 4] = [('S', "SELECT"), ('I', "INSERT"), ('U', "UPDATE"), ('D', "DELETE")];

/// SQLSTATE insufficient_privilege.
const INSUFFICIENT_PRIVILEGE: &str = "42501";
/// SQLSTATE duplicate_object.
const DUPLICATE_OBJECT: &str = "42710";
/// SQLSTATE unique_violation.
const UNIQUE_VIOLATION: &str = "23505";
/// SQLSTATE internal_error.
const INTERNAL_ERROR: &str = "XX000";

/// Creates the roles with a password, and grants every existing role its privileges. Returns why a role is missing although its
/// password is configured.
///
/// # Errors
/// Those of the database; a missing CREATEROLE privilege is not an error.
pub(crate) async fn apply(db: &mut PgConnection, settings: &RoleSettings) -> sqlx::Result<Option<String>> {
    let owner: String = sqlx::query_scalar(sql!("SELECT current_user::text")).fetch_one(&mut *db).await?;
    let mut missing = None;
    for (service, password) in settings.passwords() {
        if let Err(error) = log_in(db, &role_of(&owner, service), service, password).await {
            match error.as_database_error() {
                Some(refusal) if has_code(&error, &[INSUFFICIENT_PRIVILEGE]) => {
                    missing = Some(format!(
                        "{owner} may not make the role {}: {}",
                        role_of(&owner, service),
                        refusal.message()
                    ));
                }
                _ => return Err(error),
            }
        }
    }
    let mut attempts = 0;
    while let Err(error) = grant(db, &owner).await {
        // Memberships belong to all databases of a server as well.
        attempts += 1;
        if !has_code(&error, &[INTERNAL_ERROR, UNIQUE_VIOLATION]) || attempts > 5 {
            return Err(error);
        }
        tokio::time::sleep(Duration::from_millis(20 << attempts)).await;
    }
    Ok(missing)
}

/// Creates a role, or changes its password.
async fn log_in(db: &mut PgConnection, role: &str, service: &str, password: &str) -> sqlx::Result<()> {
    const KNOWN: &str = sql!("SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = $1)");
    let quoted = identifier(role);
    if !sqlx::query_scalar::<_, bool>(KNOWN).bind(role).fetch_one(&mut *db).await? {
        match execute(db, &format!("CREATE ROLE {quoted} NOINHERIT")).await {
            // A concurrent migration of another database of the same server has created it.
            Err(error) if has_code(&error, &[DUPLICATE_OBJECT, UNIQUE_VIOLATION]) => {}
            made => made?,
        }
        if service == VERIFY_ROLE {
            execute(db, &format!("ALTER ROLE {quoted} SET default_transaction_read_only = on")).await?;
        }
    }
    // The verifier rather than the password, which the server might log. It has nothing that must be escaped.
    let verifier = scram_sha_256(password.as_bytes());
    let set = format!("ALTER ROLE {quoted} LOGIN PASSWORD '{verifier}'");
    let mut attempts = 0;
    loop {
        match execute(db, &set).await {
            // "tuple concurrently updated": roles belong to all databases of a server, the lock to one.
            Err(error) if has_code(&error, &[INTERNAL_ERROR]) && attempts < 5 => attempts += 1,
            done => break done,
        }
        tokio::time::sleep(Duration::from_millis(20 << attempts)).await;
    }
}

/// Grants each role what it lacks, and revokes what it should not have.
async fn grant(db: &mut PgConnection, owner: &str) -> sqlx::Result<()> {
    let mut transaction = db.begin().await?;
    let roles: Vec<String> = ROLES.iter().map(|(role, _)| role_of(owner, role)).collect();
    const KNOWN: &str = sql!("SELECT rolname::text FROM pg_roles WHERE rolname = ANY ($1)");
    let known: Vec<String> = sqlx::query_scalar(KNOWN).bind(&roles).fetch_all(&mut *transaction).await?;
    if known.is_empty() {
        return Ok(());
    }
    let rights = rights();
    let mut statements = of_schema(&mut transaction, &known, rights.keys()).await?;
    let mut tables = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    let letters_of = |object: &Object, role: &str| rights[object].get(role).cloned().unwrap_or_default();
    let known_roles =
        || ROLES.iter().map(|(role, _)| (*role, role_of(owner, role))).filter(|(_, name)| known.contains(name));
    for object in rights.keys() {
        let Object::Table(table) = object else { continue };
        for (role, name) in known_roles() {
            let letters = letters_of(object, role);
            for (letter, privilege) in PRIVILEGE_LETTERS {
                tables.0.push(name.clone());
                tables.1.push(table.clone());
                tables.2.push(privilege);
                tables.3.push(letters.contains(&letter));
            }
        }
    }
    const TABLES: &str = sql!("
        SELECT format(CASE WHEN wanted THEN 'GRANT %s ON %s TO %I' ELSE 'REVOKE %s ON %s FROM %I' END, privilege, to_regclass(name), role)
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) w (role, name, privilege, wanted)
        WHERE has_table_privilege(role, to_regclass(name), privilege) <> wanted
        UNION ALL
        SELECT format('GRANT USAGE ON SEQUENCE %s TO %I', s.oid::regclass, role)
        FROM unnest($1::text[], $2::text[], $3::text[], $4::bool[]) w (role, name, privilege, wanted)
        JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = to_regclass(name) AND d.classid = 'pg_class'::regclass AND d.deptype = 'a'
        JOIN pg_class s ON s.oid = d.objid AND s.relkind = 'S'
        WHERE wanted AND privilege = 'INSERT' AND NOT has_sequence_privilege(role, s.oid, 'USAGE')");
    let (of, name, privilege, wanted) = &tables;
    let tables = sqlx::query_scalar::<_, String>(TABLES).bind(of).bind(name).bind(privilege).bind(wanted);
    statements.extend(tables.fetch_all(&mut *transaction).await?);
    execute(&mut transaction, &statements.join(";\n")).await?;

    // After those of whole tables, whose REVOKE includes the columns.
    let mut statements = Vec::new();
    for object in rights.keys() {
        let having = known_roles().filter(|(role, _)| !letters_of(object, role).is_empty());
        let having: Vec<String> = having.map(|(_, name)| name).collect();
        match object {
            Object::Table(_) => {}
            Object::Columns(table, without) => {
                const COLUMNS: &str = sql!("
                    SELECT format('GRANT SELECT (%I) ON %s TO %I', attname, attrelid::regclass, role)
                    FROM unnest($1::text[]) role JOIN pg_attribute ON attrelid = to_regclass($2) AND attnum > 0 AND NOT attisdropped
                    WHERE attname <> $3 AND NOT has_column_privilege(role, attrelid, attname, 'SELECT')
                    UNION ALL
                    SELECT format('REVOKE SELECT (%I) ON %s FROM %I', attname, attrelid::regclass, role)
                    FROM unnest($1::text[]) role JOIN pg_attribute ON attrelid = to_regclass($2) AND attname = $3
                    WHERE has_column_privilege(role, attrelid, attname, 'SELECT')");
                let columns = sqlx::query_scalar::<_, String>(COLUMNS).bind(having).bind(table).bind(without);
                statements.extend(columns.fetch_all(&mut *transaction).await?);
            }
            Object::Definer(name) => {
                const FUNCTIONS: &str = sql!("
                    SELECT format('ALTER FUNCTION %s SECURITY DEFINER SET search_path = %I, pg_temp', f.oid::regprocedure, nspname)
                    FROM pg_proc f JOIN pg_namespace n ON n.oid = pronamespace
                    WHERE nspname = current_schema() AND proname = $2
                      AND NOT (prosecdef AND EXISTS (SELECT FROM unnest(proconfig) c WHERE c LIKE 'search_path=%pg_temp'))
                    UNION ALL
                    SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM %s', f.oid::regprocedure, CASE role WHEN 'public' THEN 'PUBLIC' ELSE quote_ident(role) END)
                    FROM pg_proc f CROSS JOIN unnest($3::text[] || 'public'::text) role
                    WHERE pronamespace = current_schema()::regnamespace AND proname = $2 AND NOT role = ANY ($1)
                      AND has_function_privilege(role, f.oid, 'EXECUTE')
                    UNION ALL
                    -- whoever may now may do so as one of the public, perhaps
                    SELECT format('GRANT EXECUTE ON FUNCTION %s TO %I', f.oid::regprocedure, role)
                    FROM pg_proc f CROSS JOIN unnest($1::text[]) role
                    WHERE pronamespace = current_schema()::regnamespace AND proname = $2
                      AND (NOT has_function_privilege(role, f.oid, 'EXECUTE') OR has_function_privilege('public', f.oid, 'EXECUTE'))");
                let functions = sqlx::query_scalar::<_, String>(FUNCTIONS).bind(having).bind(name).bind(&known);
                statements.extend(functions.fetch_all(&mut *transaction).await?);
            }
        }
    }
    execute(&mut transaction, &statements.join(";\n")).await?;
    transaction.commit().await
}

/// The privileges on the schema, needed for any table; only the owner may create objects that functions of the owner might find.
async fn of_schema(
    db: &mut PgConnection,
    roles: &[String],
    objects: impl Iterator<Item = &Object>,
) -> sqlx::Result<Vec<String>> {
    const SQL: &str = sql!("
        SELECT format('GRANT CONNECT ON DATABASE %I TO %I', current_database(), role) FROM unnest($1::text[]) role
        WHERE NOT has_database_privilege(role, current_database(), 'CONNECT')
        UNION ALL
        SELECT format('GRANT USAGE ON SCHEMA %I TO %I', current_schema(), role) FROM unnest($1::text[]) role
        WHERE NOT has_schema_privilege(role, current_schema(), 'USAGE')
        UNION ALL
        SELECT format('REVOKE CREATE ON SCHEMA %I FROM PUBLIC', current_schema())
        WHERE has_schema_privilege('public', current_schema(), 'CREATE')
        UNION ALL
        -- so that the owner sees the sessions of all
        SELECT format('GRANT %I TO CURRENT_USER', role) FROM unnest($1::text[]) role
        WHERE NOT pg_has_role(current_user, role, 'USAGE') AND pg_has_role(current_user, role, 'MEMBER WITH ADMIN OPTION')
        UNION ALL
        -- functions of a service that was taken out are the owner's alone
        SELECT format('REVOKE EXECUTE ON FUNCTION %s FROM PUBLIC', oid::regprocedure) FROM pg_proc
        WHERE pronamespace = current_schema()::regnamespace AND prosecdef AND NOT proname = ANY ($2)
          AND has_function_privilege('public', oid, 'EXECUTE')");
    let definers = objects.filter_map(|object| match object {
        Object::Definer(name) => Some(name),
        Object::Table(_) | Object::Columns(..) => None,
    });
    let definers: Vec<&String> = definers.collect();
    sqlx::query_scalar(SQL).bind(roles).bind(definers).fetch_all(db).await
}

fn identifier(name: &str) -> String {
    format!("\"{}\"", name.replace('"', "\"\""))
}
