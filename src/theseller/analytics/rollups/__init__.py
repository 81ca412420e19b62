"""Rollups of facts by day and product: which lines count, recomputation, and an independent recount."""
