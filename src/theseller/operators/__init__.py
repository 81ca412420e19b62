"""Operator area: secrets overview, access sessions, access reviews.

Access sessions are just-in-time access.
"""
