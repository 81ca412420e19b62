"""Erasure of connections, tenants and users, with signed certificates."""
