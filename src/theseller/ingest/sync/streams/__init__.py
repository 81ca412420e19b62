"""The streams of a connection: one module each, and their registry."""
