"""Profit: what sellers enter about their costs, and what remains.

Costs are the seller's own data, not Amazon's: they stay when a connection ends (decision 0031).
"""
