"""Tenants, their per-transaction scope, and row-level security."""
