"""Rows of facts: minimization, merging with stored rows, bulk writing."""
