"""The dashboard, the product table, the page of one day, and their CSV."""
