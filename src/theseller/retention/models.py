"""No models: legal holds are read and written by SQL.

`sql/ages.sql` defines the table.
"""
