"""Selling Partner API as its OpenAPI models describe it.

Each API is a module; `request_checks` checks each call before it.
"""
