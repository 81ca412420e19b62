"""Deletion of a shop at its owner's request.

Connections first, then the shop and accounts without another shop.
"""
