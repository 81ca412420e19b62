"""No models: erasure tables are read and written by SQL."""
