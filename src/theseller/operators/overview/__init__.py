"""Overview page of the operator area.

Secrets with their age, and operators.
"""
