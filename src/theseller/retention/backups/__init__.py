"""Backups that die on time: sealed under a key of their own, drilled, and restored only behind a quarantine."""
