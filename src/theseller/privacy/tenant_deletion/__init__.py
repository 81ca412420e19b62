"""Deletion of a shop at its owner's request: connections first, then the shop and accounts without another shop."""
