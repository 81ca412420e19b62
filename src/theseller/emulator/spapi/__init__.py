"""Selling Partner API as its OpenAPI models describe it.

Each API is a module; `gate` checks each call before it.
"""
