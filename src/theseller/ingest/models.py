"""No models: facts are written in bulk and read by SQL (`sql/tables.sql` is their definition)."""
