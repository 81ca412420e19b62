"""Nothing here: purges and certificates are written and read by SQL (`sql/tables.sql` is their definition)."""
