-- What text is searched and sorted by: without the case of letters, accents and the ways of writing the same character, by one
-- function, so that what is looked for and what is found agree, whoever wrote the row and whatever the database's locale is.

-- Small letters and decomposition are Postgres' own; which collation knows all of Unicode's letters depends on its version and
-- build. Without any, letters other than A to Z keep their case.
DO $$
DECLARE
    letters text;
    lowered text := 'lower($1)';
BEGIN
    SELECT format('lower($1 COLLATE pg_catalog.%I)', c.collname) INTO lowered FROM pg_collation c
    JOIN (VALUES ('pg_c_utf8', 1), ('C.utf8', 2), ('C.UTF-8', 2), ('und-x-icu', 3), ('en_US.utf8', 4)) AS known (collname, place)
        USING (collname)
    WHERE c.collnamespace = 'pg_catalog'::regnamespace AND c.collencoding IN (-1, (SELECT encoding FROM pg_database WHERE datname = current_database()))
    ORDER BY known.place LIMIT 1;
    letters := coalesce(lowered, 'lower($1)');
    IF current_setting('server_encoding') <> 'UTF8' THEN
        EXECUTE format('CREATE FUNCTION search_key(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS %L', 'SELECT ' || letters);
        RETURN;
    END IF;
    -- Compatibility decomposition takes accents off their letters and makes letters of ligatures, wide and small forms. What has
    -- no decomposition is written as people do who lack the letter.
    EXECUTE format($body$
        CREATE FUNCTION search_key(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS %L
    $body$, $sql$SELECT CASE WHEN octet_length($1) = char_length($1) THEN lower($1 COLLATE "C") ELSE
        normalize(replace(replace(replace(replace(translate(regexp_replace($sql$ || '(' || replace(letters, '$1', 'normalize($1, NFKD)') || ') COLLATE "C"'
            || $sql$, U&'[\0300-\036F\0483-\0489\0591-\05BD\05BF\05C1\05C2\05C4\05C5\05C7\0610-\061A\064B-\065F\0670\1AB0-\1AFF\1DC0-\1DFF\20D0-\20FF\3099\309A\FE00-\FE0F\FE20-\FE2F\00AD\200B-\200F\2060\FEFF]', '', 'g'),
            U&'\03C2\0131\00F8\0111\0142\0127\0167', U&'\03C3iodlht'), U&'\00DF', 'ss'), U&'\00E6', 'ae'), U&'\0153', 'oe'), U&'\00FE', 'th'), NFC) END$sql$);
END $$;

-- The beginning of it, since some characters become eighteen and an index takes no more than 2,704 bytes. Equal ones are in the
-- order of their ids.
CREATE FUNCTION sort_key(text) RETURNS text LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS 'SELECT left(search_key($1), 300)';

-- The columns. They are set by triggers and not generated: a generated column is made anew with every change of its row.
ALTER TABLE users ADD COLUMN search_text text COLLATE "C", ADD COLUMN email_key text COLLATE "C";
ALTER TABLE projects ADD COLUMN search_text text COLLATE "C", ADD COLUMN title_key text COLLATE "C";
ALTER TABLE tasks ADD COLUMN search_text text COLLATE "C", ADD COLUMN title_key text COLLATE "C";
ALTER TABLE products ADD COLUMN search_text text COLLATE "C", ADD COLUMN name_key text COLLATE "C";

-- What is searched is one text, its parts apart by what nobody types.
CREATE FUNCTION set_user_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.email_key := sort_key(NEW.email);
    NEW.search_text := concat_ws(E'\x01', search_key(NEW.email), search_key(NEW.full_name));
    RETURN NEW;
END $$;
CREATE FUNCTION set_title_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.title_key := sort_key(NEW.title);
    NEW.search_text := concat_ws(E'\x01', search_key(NEW.title), search_key(NEW.description));
    RETURN NEW;
END $$;
CREATE FUNCTION set_product_keys() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    NEW.name_key := sort_key(NEW.name);
    NEW.search_text := concat_ws(E'\x01', search_key(NEW.sku), search_key(NEW.name), search_key(NEW.description));
    RETURN NEW;
END $$;

-- Nothing here is a change of what the rows say.
ALTER TABLE users DISABLE TRIGGER users_touch;
ALTER TABLE projects DISABLE TRIGGER projects_touch;
ALTER TABLE tasks DISABLE TRIGGER tasks_touch;
UPDATE users SET email_key = sort_key(email), search_text = concat_ws(E'\x01', search_key(email), search_key(full_name));
UPDATE projects SET title_key = sort_key(title), search_text = concat_ws(E'\x01', search_key(title), search_key(description));
UPDATE tasks SET title_key = sort_key(title), search_text = concat_ws(E'\x01', search_key(title), search_key(description));
UPDATE products SET name_key = sort_key(name),
    search_text = concat_ws(E'\x01', search_key(sku), search_key(name), search_key(description));
ALTER TABLE users ENABLE TRIGGER users_touch;
ALTER TABLE projects ENABLE TRIGGER projects_touch;
ALTER TABLE tasks ENABLE TRIGGER tasks_touch;

ALTER TABLE users ALTER COLUMN search_text SET NOT NULL, ALTER COLUMN email_key SET NOT NULL;
ALTER TABLE projects ALTER COLUMN search_text SET NOT NULL, ALTER COLUMN title_key SET NOT NULL;
ALTER TABLE tasks ALTER COLUMN search_text SET NOT NULL, ALTER COLUMN title_key SET NOT NULL;
ALTER TABLE products ALTER COLUMN search_text SET NOT NULL, ALTER COLUMN name_key SET NOT NULL;

-- Of what changes: an update that names the columns and leaves them as they are costs nothing.
CREATE TRIGGER users_keys BEFORE INSERT ON users FOR EACH ROW EXECUTE FUNCTION set_user_keys();
CREATE TRIGGER users_keys_changed BEFORE UPDATE ON users FOR EACH ROW
    WHEN ((OLD.email, OLD.full_name, OLD.email_key, OLD.search_text) IS DISTINCT FROM (NEW.email, NEW.full_name, NEW.email_key, NEW.search_text))
    EXECUTE FUNCTION set_user_keys();
CREATE TRIGGER projects_keys BEFORE INSERT ON projects FOR EACH ROW EXECUTE FUNCTION set_title_keys();
CREATE TRIGGER projects_keys_changed BEFORE UPDATE ON projects FOR EACH ROW
    WHEN ((OLD.title, OLD.description, OLD.title_key, OLD.search_text) IS DISTINCT FROM (NEW.title, NEW.description, NEW.title_key, NEW.search_text))
    EXECUTE FUNCTION set_title_keys();
CREATE TRIGGER tasks_keys BEFORE INSERT ON tasks FOR EACH ROW EXECUTE FUNCTION set_title_keys();
CREATE TRIGGER tasks_keys_changed BEFORE UPDATE ON tasks FOR EACH ROW
    WHEN ((OLD.title, OLD.description, OLD.title_key, OLD.search_text) IS DISTINCT FROM (NEW.title, NEW.description, NEW.title_key, NEW.search_text))
    EXECUTE FUNCTION set_title_keys();
CREATE TRIGGER products_keys BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION set_product_keys();
CREATE TRIGGER products_keys_changed BEFORE UPDATE ON products FOR EACH ROW
    WHEN ((OLD.sku, OLD.name, OLD.description, OLD.name_key, OLD.search_text)
          IS DISTINCT FROM (NEW.sku, NEW.name, NEW.description, NEW.name_key, NEW.search_text))
    EXECUTE FUNCTION set_product_keys();

-- The orders by these keys, as V020 has the others.
CREATE INDEX users_email_key_idx ON users (email_key, id);
CREATE INDEX projects_owner_id_title_idx ON projects (owner_id, title_key, id);
CREATE INDEX tasks_owner_id_title_idx ON tasks (owner_id, title_key, id);
CREATE INDEX tasks_project_id_title_idx ON tasks (project_id, title_key, id);
CREATE INDEX tasks_assignee_id_title_idx ON tasks (assignee_id, title_key, id) WHERE assignee_id IS NOT NULL;
CREATE INDEX products_name_key_id_idx ON products (name_key, id) WHERE deleted_at IS NULL;
DROP INDEX IF EXISTS products_name_id_idx;

-- Three letters or more are looked up. Without pg_trgm search works as well, only slower.
DO $$
BEGIN
    IF EXISTS (SELECT FROM pg_extension WHERE extname = 'pg_trgm') THEN
        DROP INDEX IF EXISTS projects_text_idx, tasks_text_idx, products_text_idx;
        CREATE INDEX users_search_text_idx ON users USING gin (search_text gin_trgm_ops);
        CREATE INDEX projects_search_text_idx ON projects USING gin (search_text gin_trgm_ops);
        CREATE INDEX tasks_search_text_idx ON tasks USING gin (search_text gin_trgm_ops);
        CREATE INDEX products_search_text_idx ON products USING gin (search_text gin_trgm_ops) WHERE deleted_at IS NULL;
    END IF;
END $$;
