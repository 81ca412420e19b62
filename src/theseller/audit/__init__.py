"""Append-only log of who did what and when.

Events are written in the transaction of their effect, contain no personal data, and are kept after
the tenant is deleted.
"""
