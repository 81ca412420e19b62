"""Migrations of tables of `privacy`, `operators` and `key_rotation`.

They were made before those were packages of their own.
"""
