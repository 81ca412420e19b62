"""The operator area: secrets overview, just-in-time access sessions, access reviews."""
