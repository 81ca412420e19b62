"""Inventory of a shop's stored data (GDPR Art. 30), and CSV export."""
