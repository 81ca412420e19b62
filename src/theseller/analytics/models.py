"""No models: rollups are recomputed and read by SQL (`sql/tables.sql` is their definition)."""
