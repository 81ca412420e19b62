"""Everything between a person and a page: headers, limits, request ids, errors, templates, design tokens."""
