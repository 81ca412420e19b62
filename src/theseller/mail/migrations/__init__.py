"""Migrations of `mail`."""
