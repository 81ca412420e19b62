"""Buyers' personal data, for features that a seller turned on: none by default. Nothing outside this room may hold any."""
