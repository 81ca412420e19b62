"""The dashboard, the product table and the page of one day, and their CSV files."""
