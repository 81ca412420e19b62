"""Report files that a seller imports: inspect, store, and the import page."""
