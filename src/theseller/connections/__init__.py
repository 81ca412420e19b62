"""A seller's authorization: how it starts, its token, and how it ends."""
