"""Handlers of the reports that become facts, and their registry.

How the bytes of a report are recognized and decoded is in `theseller.amazon.reports`. To add a
report type see docs/develop/add-a-report-type.md.
"""
