"""No models: SQL reads and writes the tables of `sql/one_pair.sql`."""
