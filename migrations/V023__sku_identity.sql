-- When two SKUs are one: their letters ignore case and form (NFKC, so that a full-width or composed letter is the plain one), and white
-- space and what cannot be seen count for nothing. One rule, here, so that it holds whoever writes.

CREATE FUNCTION sku_identity(sku text) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT lower(upper(regexp_replace(
        CASE WHEN getdatabaseencoding() = 'UTF8' THEN normalize(sku, NFKC) ELSE sku END,
        CASE WHEN getdatabaseencoding() = 'UTF8'
             THEN '[[:space:]\u0085\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ufe00-\ufe0f\ufeff\uffa0]+'
             ELSE '[[:space:]]+' END,
        '', 'g')))
$$;

-- Null for those of the products that were there before this rule whose SKU is that of an older one: they stay as they are, until
-- they are given another.
ALTER TABLE products ADD COLUMN sku_identity text;
UPDATE products p SET sku_identity = sku_identity(p.sku)
WHERE p.deleted_at IS NOT NULL OR NOT EXISTS (
    SELECT FROM products older
    WHERE older.id < p.id AND older.deleted_at IS NULL AND sku_identity(older.sku) = sku_identity(p.sku));
DO $$
DECLARE
    twins bigint;
BEGIN
    SELECT count(*) INTO twins FROM products WHERE sku_identity IS NULL;
    IF twins > 0 THEN
        RAISE WARNING '% products have a SKU that differs from that of another in case, form or white space only; they stay', twins;
    END IF;
END $$;
CREATE UNIQUE INDEX products_sku_identity_key ON products (sku_identity) WHERE deleted_at IS NULL;

CREATE FUNCTION identify_sku() RETURNS trigger
LANGUAGE plpgsql AS $$
BEGIN
    NEW.sku_identity := sku_identity(NEW.sku);
    RETURN NEW;
END $$;
CREATE TRIGGER products_identify_sku BEFORE INSERT ON products FOR EACH ROW EXECUTE FUNCTION identify_sku();
CREATE TRIGGER products_identify_changed_sku BEFORE UPDATE OF sku ON products FOR EACH ROW
    WHEN (OLD.sku IS DISTINCT FROM NEW.sku) EXECUTE FUNCTION identify_sku();
