"""No models: facts are written in bulk and read by SQL.

`sql/tables.sql` defines the tables.
"""
