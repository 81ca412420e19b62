"""Shops of the deployment: counts, new shops, and links for first owners."""
