"""How long data is kept: limits, expiry of aged facts, legal holds."""
