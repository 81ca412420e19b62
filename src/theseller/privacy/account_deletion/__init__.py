"""Deletion of an account at the person's request.

Ownership of shops is transferred before it.
"""
