"""Deletion requests: one record each, due in 30 days.

Their state is derived from the erasures.
"""
