"""What the house is checked with; no part of the product."""
