"""Inventory of secrets and keys with their age, and their rotation while the service runs.

A replacement is a row of `governance_rotation` and a list of steps. Each step may run twice: a kill
at any point leaves a row that says which step was the last, and the next call goes on from there.
Read both, write one: the new secret is accepted everywhere before it is used, and the old one is
retired only when a scan finds nothing under it.
"""
