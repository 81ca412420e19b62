"""Data inventory, export, deletion requests, and the deletion of accounts and shops."""
