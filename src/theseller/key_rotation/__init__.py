"""The renewal of every secret: what there is, how old it is, and how each kind is replaced while the service runs.

A replacement is a row of `governance_rotation` and a list of steps. Each step may run twice: a kill at any point leaves a row that says
which step was the last, and the next call goes on from there. Read both, write one: the new secret is believed everywhere before it is
used, and the old one is retired only when a scan finds nothing under it.
"""
