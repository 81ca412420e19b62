"""Inventory of the data stored about a shop (GDPR Art. 30), and its export as CSV files."""
