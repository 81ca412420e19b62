"""From facts to numbers a seller can act on: rollups, queries, dashboards."""
