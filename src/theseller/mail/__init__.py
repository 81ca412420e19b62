"""Mail to members, operators, invited persons and authorities only."""
