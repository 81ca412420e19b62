"""Encrypted backups with an expiry date: taking, drilling and restoring them."""
