"""Rollups of facts by day and product.

Which lines count, the recomputation, and an independent recount.
"""
