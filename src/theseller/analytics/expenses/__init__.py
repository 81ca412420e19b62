"""Expenses: what a shop pays that Amazon does not charge."""
