"""Clock, identifiers, money, marketplaces. No framework, nothing of ours above it."""
