"""What keeps the library's cells, version and total: triggers, each once a statement and not once a row.

A statement that changed nothing (the same file imported again) leaves the version as it is.
"""

CELL = "industry_sector_id, country, band, is_high_opportunity, is_paid"
ALIKE = "industry_sector_id, country, band, is_high_opportunity, credit_cost > 0 AS is_paid"
# Who changes the library at the same time waits at the state's row, and so never half-way through the cells.
FUNCTION = """
CREATE FUNCTION planner_library_{event}() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  IF NOT EXISTS (SELECT FROM {changed}) THEN
    RETURN NULL;
  END IF;
  INSERT INTO planner_librarystate AS s (id, version, total)
  SELECT 1, 1, coalesce(sum(step), 0) FROM ({moved}) AS m
  ON CONFLICT (id) DO UPDATE SET version = s.version + 1, total = s.total + EXCLUDED.total;
  INSERT INTO planner_librarycell AS c ({cell}, n)
  SELECT {cell}, sum(step) FROM ({moved}) AS m GROUP BY {cell} HAVING sum(step) <> 0
  ON CONFLICT ({cell}) DO UPDATE SET n = c.n + EXCLUDED.n;
  DELETE FROM planner_librarycell WHERE n = 0;
  RETURN NULL;
END $$;
CREATE TRIGGER planner_library_{event} AFTER {event} ON planner_seedkeyword REFERENCING {tables}
  FOR EACH STATEMENT EXECUTE FUNCTION planner_library_{event}();
"""
ADDED = f"SELECT {ALIKE}, 1 AS step FROM added"
REMOVED = f"SELECT {ALIKE}, -1 AS step FROM removed"
EVENTS = {
    "insert": ("added", "NEW TABLE AS added", ADDED),
    "delete": ("removed", "OLD TABLE AS removed", REMOVED),
    "update": ("added", "OLD TABLE AS removed NEW TABLE AS added", f"{ADDED} UNION ALL {REMOVED}"),
}
EMPTIED = """
CREATE FUNCTION planner_library_truncate() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
  UPDATE planner_librarystate SET version = version + 1, total = 0;
  DELETE FROM planner_librarycell;
  RETURN NULL;
END $$;
CREATE TRIGGER planner_library_truncate AFTER TRUNCATE ON planner_seedkeyword
  FOR EACH STATEMENT EXECUTE FUNCTION planner_library_truncate();
"""
EMPTY = "INSERT INTO planner_librarystate (id, version, total) VALUES (1, 1, 0);"
MADE = "".join(
    FUNCTION.format(event=event, changed=changed, tables=tables, moved=moved, cell=CELL)
    for event, (changed, tables, moved) in EVENTS.items()
)
MAKE = MADE + EMPTIED + EMPTY
DROP = "".join(f"DROP FUNCTION planner_library_{event}() CASCADE;" for event in [*EVENTS, "truncate"])
