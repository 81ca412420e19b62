"""The composition root: environment, settings, URLs, processes, seed."""
