"""Encrypted backups with an expiry date: take, drill and restore them."""
