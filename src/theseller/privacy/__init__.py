"""Data inventory, export, and deletion requests, accounts and shops."""
