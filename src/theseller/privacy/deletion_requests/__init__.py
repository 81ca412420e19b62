"""Requests for deletion: one record each whatever its origin, its clock of 30 days, and a state that follows from facts."""
