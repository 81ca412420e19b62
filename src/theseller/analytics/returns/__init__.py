"""The page of customers' returns."""
