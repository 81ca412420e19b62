"""Migrations of the tables of `privacy`, `operators` and `key_rotation`, made before those were packages of their own."""
