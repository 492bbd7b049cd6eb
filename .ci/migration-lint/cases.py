"""The rules themselves: migrations that break one each, and good ones."""

import tempfile
from pathlib import Path

import released
from rules import OUTSIDE, complaints_of

# The rule that must say it, and a migration; the fault is on its last line.
BAD = [
    ("renaming-column", "ALTER TABLE users RENAME COLUMN full_name TO name;"),
    ("renaming-table", "ALTER TABLE users RENAME TO people;"),
    ("renaming-object", "ALTER FUNCTION search_key(text) RENAME TO key;"),
    ("ban-drop-column", "ALTER TABLE users DROP COLUMN full_name;"),
    ("ban-drop-table", "DROP TABLE users;"),
    ("ban-drop-view", "DROP VIEW v;"),
    ("ban-drop-function", "DROP FUNCTION search_key(text);"),
    ("ban-drop-constraint", "ALTER TABLE users DROP CONSTRAINT users_email_key;"),
    ("ban-drop-index", "DROP INDEX CONCURRENTLY users_email_key;"),
    ("ban-drop-type", "DROP TYPE status;"),
    ("statement-allowed", "DROP TRIGGER users_search ON users;"),
    ("changing-column-type", "ALTER TABLE users ALTER COLUMN full_name TYPE varchar(20);"),
    ("ban-drop-not-null", "ALTER TABLE users ALTER COLUMN email DROP NOT NULL;"),
    ("ban-drop-default", "ALTER TABLE users ALTER COLUMN email DROP DEFAULT;"),
    ("ban-set-default", "ALTER TABLE users ALTER COLUMN email SET DEFAULT '';"),
    ("ban-disable-trigger", "ALTER TABLE users DISABLE TRIGGER users_search;"),
    ("adding-not-nullable-field", "ALTER TABLE users ALTER COLUMN full_name SET NOT NULL;"),
    ("adding-required-field", "ALTER TABLE users ADD COLUMN nick text,\n    ADD COLUMN kind bigint NOT NULL;"),
    ("adding-field-with-default", "-- A comment.\nALTER TABLE users ADD COLUMN number uuid NOT NULL DEFAULT gen_random_uuid();"),
    ("adding-field-with-default", "ALTER TABLE users ADD COLUMN twice bigint GENERATED ALWAYS AS (id * 2) STORED;"),
    ("column-rewrites", "ALTER TABLE users ADD COLUMN number bigserial;"),
    ("column-rewrites", "ALTER TABLE users ADD COLUMN number bigint GENERATED ALWAYS AS IDENTITY;"),
    ("column-rewrites", "ALTER TABLE users ADD COLUMN number bigint CHECK (number > 0);"),
    ("constraint-missing-not-valid", "ALTER TABLE users ADD CONSTRAINT users_kind CHECK (kind > 0);"),
    ("constraint-missing-not-valid", "ALTER TABLE users ADD CONSTRAINT k CHECK (kind > 0) NOT VALID;\nALTER TABLE users VALIDATE CONSTRAINT k;"),
    ("adding-foreign-key-constraint", "ALTER TABLE tasks ADD CONSTRAINT f FOREIGN KEY (a) REFERENCES users (id);"),
    ("disallowed-unique-constraint", "ALTER TABLE users ADD CONSTRAINT u UNIQUE (full_name);"),
    ("adding-serial-primary-key-field", "ALTER TABLE users ADD PRIMARY KEY (email);"),
    ("require-concurrent-index-creation", "CREATE INDEX users_name ON users (full_name);"),
    ("require-concurrent-index-deletion", "DROP INDEX users_email_key;"),
    ("require-concurrent-reindex", "REINDEX TABLE users;"),
    ("outside-transaction", "CREATE INDEX CONCURRENTLY IF NOT EXISTS users_name ON users (full_name);"),
    ("outside-transaction", "DROP INDEX CONCURRENTLY IF EXISTS users_name;"),
    ("outside-transaction", "REINDEX TABLE CONCURRENTLY users;"),
    ("prefer-robust-stmts", f"{OUTSIDE}CREATE INDEX CONCURRENTLY users_name ON users (full_name);"),
    ("alteration-allowed", "ALTER TABLE users SET UNLOGGED;"),
    ("alteration-allowed", "ALTER TABLE users SET TABLESPACE other;"),
    ("alteration-allowed", "ALTER TABLE users ENABLE ROW LEVEL SECURITY;"),
    ("alteration-allowed", "ALTER TABLE views ATTACH PARTITION old FOR VALUES IN (1);"),
    ("statement-allowed", "UPDATE users SET full_name = '' WHERE full_name IS NULL;"),
    ("statement-allowed", "DELETE FROM users;"),
    ("statement-allowed", "TRUNCATE users;"),
    ("statement-allowed", "LOCK TABLE users;"),
    ("statement-allowed", "CLUSTER users USING users_pkey;"),
    ("statement-allowed", "REFRESH MATERIALIZED VIEW v;"),
    ("statement-allowed", "CREATE RULE r AS ON INSERT TO users DO INSTEAD NOTHING;"),
    ("statement-allowed", "SET lock_timeout = 0;"),
    ("statement-allowed", "SELECT count(*) FROM users FOR UPDATE;"),
    ("statement-allowed", "CREATE TABLE a (id bigint);\n\n-- Hides what it does.\nDO $$ BEGIN EXECUTE 'DROP TABLE users'; END $$;"),
    ("transaction-nesting", "COMMIT;"),
    ("syntax", "CREATE TABLE a (id bigint);\nCREATE TABL b (id bigint);"),
    ("one-statement", f"{OUTSIDE}CREATE INDEX CONCURRENTLY IF NOT EXISTS a ON users (a); CREATE INDEX CONCURRENTLY IF NOT EXISTS b ON users (b);"),
    ("exception-elsewhere", "-- squawk-ignore ban-drop-table"),
]
GOOD = [
    "CREATE TABLE notes (id bigint PRIMARY KEY, owner bigint NOT NULL REFERENCES users (id), text text NOT NULL CHECK (text <> ''));\n"
    "CREATE INDEX notes_owner ON notes (owner);\nALTER TABLE notes ADD COLUMN number bigint CHECK (number > 0);",
    "ALTER TABLE users ADD COLUMN nick text;",
    "ALTER TABLE users ADD COLUMN visits bigint NOT NULL DEFAULT 0;",
    "ALTER TABLE users ADD CONSTRAINT users_kind CHECK (kind > 0) NOT VALID;",
    "ALTER TABLE users VALIDATE CONSTRAINT users_kind;",
    f"{OUTSIDE}CREATE INDEX CONCURRENTLY IF NOT EXISTS users_name ON users (full_name);",
    "CREATE OR REPLACE FUNCTION f(a bigint) RETURNS bigint LANGUAGE sql AS 'SELECT 1';\n"
    "CREATE TRIGGER t BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION f();",
    "INSERT INTO personal_data (erased_by, place) VALUES ('erase_notes', 16);",
]


# What is done to a folder with V1 and V2, which are released, and what must be said of which file.
CHANGED = [
    (lambda folder: (folder / "V001__a.sql").write_text("SELECT 2;"), ("V001__a.sql", "released-migration")),
    (lambda folder: (folder / "V002__b.sql").unlink(), ("V002__b.sql", "released-migration")),
    (lambda folder: (folder / "V002__b.sql").rename(folder / "V003__b.sql"), ("V002__b.sql", "released-migration")),
    (lambda folder: (folder / "V002__c.sql").write_text("SELECT 3;"), ("V002__c.sql", "migration-order")),
    (lambda folder: [(folder / f"V003__{name}.sql").write_text("SELECT 3;") for name in "ab"], ("V003__*.sql", "migration-order")),
    (lambda folder: (folder / "V003__c.sql").write_text("SELECT 3;"), None),
]


def of_rules(folder):
    """What is wrong with the rules, and how many migrations were tried."""
    def written(name, text):
        path = Path(folder, f"V999__{name}.sql")
        path.write_text(text + "\n")
        return path
    bad = [(written(f"bad_{at}", text), rule, text.count("\n") + 1) for at, (rule, text) in enumerate(BAD)]
    good = [written(f"good_{at}", text) for at, text in enumerate(GOOD)]
    found = complaints_of([*(path for path, _, _ in bad), *good])
    told = {(one.path, one.rule, one.line) for one in found if one.message and one.remedy}
    wrong = [f"not rejected: {rule} on line {line}: {path.read_text()}{[one.told(path.parent) for one in found if one.path == path]}"
             for path, rule, line in bad if (path, rule, line) not in told]
    return wrong + [f"rejected, and good: {one.told(one.path.parent)}" for one in found if one.path in good], len(bad) + len(good)


def of_released(folder):
    """What is wrong with the check of released migrations, and how many changes were tried."""
    wrong = []
    for at, (change, expected) in enumerate(CHANGED):
        place = Path(folder, f"case_{at}")
        place.mkdir()
        (place / released.LIST).write_text("# Why.\n")
        for name in ("V001__a.sql", "V002__b.sql"):
            (place / name).write_text("SELECT 1;")
        released.write(place)
        change(place)
        found = list(released.changed(place))
        if bool(found) != bool(expected) or any(not (one.path.match(expected[0]) and one.rule == expected[1]) for one in found):
            wrong.append(f"case {at} of released migrations: {expected} expected, {found}")
    return wrong, len(CHANGED)


def run():
    with tempfile.TemporaryDirectory() as folder:
        results = [of_rules(folder), of_released(folder)]
    wrong, tried = [one for wrong, _ in results for one in wrong], sum(tried for _, tried in results)
    for one in wrong:
        print(f"not so: {one}")
    print(f"migration rules: {tried - len(wrong)} passed, {len(wrong)} failed")
    return 1 if wrong else 0
