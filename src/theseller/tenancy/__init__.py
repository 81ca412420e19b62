"""Who owns a row: the tenant, its scope for one transaction, and the row security that keeps every other tenant out."""
