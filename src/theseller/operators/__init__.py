"""Operator area: secrets, access sessions and reviews, shops, status.

Also deletion requests. Access sessions are just-in-time access.
"""
