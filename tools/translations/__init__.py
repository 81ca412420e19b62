"""Extract the marked texts, and keep the catalogs of translations complete."""
