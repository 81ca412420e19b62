"""Figures of a shop: rollups of facts, queries and dashboard pages."""
