"""Simulated sales: a pure function of (seed, seller, instant).

Nothing is stored; the same arguments return the same orders and events at any time.
"""
