"""No models: evidence is appended and read by SQL.

`sql/tables.sql` defines the table.
"""
