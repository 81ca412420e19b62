"""Inventory of secrets and keys with their age, and their rotation.

Secrets are rotated while the service runs. A rotation is a row of `governance_rotation` and a list
of steps. Each step may run twice: a kill at any point leaves a row that says which step was the
last, and the next call continues from there. The new secret is accepted everywhere before it is
used, and the old one is retired only when a scan finds nothing under it.
"""
