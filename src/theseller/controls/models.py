"""Nothing here: evidence is appended and read by SQL (`sql/tables.sql` is its definition)."""
