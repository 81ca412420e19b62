"""Buyer PII for the features that a seller turned on; off by default.

No other package may store or read it.
"""
