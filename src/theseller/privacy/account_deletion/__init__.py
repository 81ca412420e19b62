"""Deletion of a person's account at their request, and transfer of ownership before it."""
