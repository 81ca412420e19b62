"""Data inventory and export; deletion of accounts and shops, on request."""
