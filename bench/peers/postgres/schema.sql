-- A land register as an office would keep it in PostgreSQL: registers, an audit table that a
-- trigger fills, and over it a hash chain, so that a changed row shows.
CREATE TABLE operator (key bytea PRIMARY KEY, member text NOT NULL);
CREATE TABLE unit (
  number text PRIMARY KEY,
  location text NOT NULL,
  building_area numeric(12, 2) NOT NULL,
  remarks text NOT NULL,
  registered timestamptz NOT NULL DEFAULT clock_timestamp()
);
CREATE TABLE ownership (
  id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  unit text NOT NULL REFERENCES unit,
  holder text NOT NULL,
  began timestamptz NOT NULL DEFAULT clock_timestamp(),
  ended timestamptz
);
CREATE UNIQUE INDEX ownership_current ON ownership (unit) WHERE ended IS NULL;
CREATE TABLE seal (unit text NOT NULL REFERENCES unit, until date NOT NULL);
CREATE INDEX seal_unit ON seal (unit);

-- What was asked, by whom, with the signatures that say so.
CREATE TABLE request (
  id bytea PRIMARY KEY,
  operator bytea NOT NULL REFERENCES operator,
  body bytea NOT NULL,
  signature bytea NOT NULL,
  consents bytea[] NOT NULL
);

CREATE TABLE audit (
  chain text NOT NULL,
  place bigint NOT NULL,
  at timestamptz NOT NULL DEFAULT clock_timestamp(),
  request bytea NOT NULL,
  what text NOT NULL,
  "row" jsonb NOT NULL,
  hash bytea NOT NULL,
  PRIMARY KEY (chain, place)
);
-- The end of each chain. One chain over everything proves the order of all entries, and lets one
-- transaction after the other through; a chain for each unit proves each unit's own order.
CREATE TABLE chain (name text PRIMARY KEY, place bigint NOT NULL, hash bytea NOT NULL);

CREATE FUNCTION audited() RETURNS trigger LANGUAGE plpgsql AS $$
DECLARE
  named text := CASE current_setting('register.chain')
    WHEN 'unit' THEN COALESCE(to_jsonb(NEW) ->> 'unit', to_jsonb(NEW) ->> 'number')
    ELSE 'all' END;
  last chain%ROWTYPE;
  said jsonb := to_jsonb(NEW);
  next_hash bytea;
BEGIN
  INSERT INTO chain VALUES (named, 0, '\x00') ON CONFLICT DO NOTHING;
  SELECT * INTO last FROM chain WHERE name = named FOR UPDATE;
  next_hash := sha256(last.hash || convert_to(TG_TABLE_NAME || TG_OP || said::text, 'UTF8'));
  INSERT INTO audit (chain, place, request, what, "row", hash)
    VALUES (named, last.place + 1, decode(current_setting('register.request'), 'hex'),
      TG_TABLE_NAME || ' ' || TG_OP, said, next_hash);
  UPDATE chain SET place = last.place + 1, hash = next_hash WHERE name = named;
  RETURN NULL;
END $$;

CREATE TRIGGER audited AFTER INSERT OR UPDATE ON unit FOR EACH ROW EXECUTE FUNCTION audited();
CREATE TRIGGER audited AFTER INSERT OR UPDATE ON ownership FOR EACH ROW EXECUTE FUNCTION audited();
