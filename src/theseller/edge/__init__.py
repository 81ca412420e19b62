"""HTTP concerns: headers, rate limits, request IDs, errors, templates."""
