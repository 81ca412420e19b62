"""A seller's authorisation: how it begins, what it holds, how it ends."""
