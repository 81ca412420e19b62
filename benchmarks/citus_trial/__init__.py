"""A trial of this schema on a Citus cluster: docs/operate/scale.md, decision 0030."""
