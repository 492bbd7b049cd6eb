-- What services that log in as roles of their own (migrations/privileges) may do by functions only, which act for the owner of
-- everything. That file names them, and the migrate command pins their search path and says who may call them.

-- The hash of one account's password. Nobody but the tasks service reads the column.
CREATE FUNCTION password_hash_of(account bigint) RETURNS text
LANGUAGE sql STABLE SECURITY DEFINER AS $$
    SELECT hashed_password FROM users WHERE id = account
$$;

-- Replaces the hash of a password that was just verified, unless it was changed meanwhile; whether it did.
CREATE FUNCTION replace_password_hash(account bigint, old text, new text) RETURNS boolean
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    WITH replaced AS (UPDATE users SET hashed_password = new WHERE id = account AND hashed_password = old RETURNING id)
    SELECT EXISTS (SELECT FROM replaced)
$$;

-- Age of the oldest transaction in this database. When sessions of others began is shown only to those who are them, too.
CREATE FUNCTION oldest_transaction_seconds() RETURNS double precision
LANGUAGE sql VOLATILE SECURITY DEFINER AS $$
    SELECT coalesce(extract(epoch FROM clock_timestamp() - min(xact_start)), 0)::float8 FROM pg_stat_activity
    WHERE datname = current_database() AND pid <> pg_backend_pid() AND backend_type = 'client backend'
$$;

-- Every service opens accounts; one that may not make superusers of them must not open one that is.
CREATE FUNCTION refuse_superuser() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    IF NOT has_column_privilege(TG_RELID, 'is_superuser', 'UPDATE') THEN
        RAISE insufficient_privilege USING MESSAGE = 'only who may change the rights of accounts may open one with rights';
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER users_no_superuser BEFORE INSERT ON users
    FOR EACH ROW WHEN (NEW.is_superuser) EXECUTE FUNCTION refuse_superuser();
