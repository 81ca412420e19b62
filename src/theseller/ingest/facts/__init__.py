"""Rows of facts: decoded values minimized to rows, merged with what is stored, and written in bulk."""
