"""No models: rollups are recomputed and read by SQL.

`sql/tables.sql` defines the tables.
"""
