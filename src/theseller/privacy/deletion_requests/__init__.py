"""Deletion requests: one record each, due in 30 days, with a state derived from the erasures."""
