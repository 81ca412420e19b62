"""Controls of the security page.

One file per clause, live probes, timestamped evidence, and the page.
"""
