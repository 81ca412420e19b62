"""Tools of the probes.

Reads of the running deployment, and attempts that it must refuse.
"""
