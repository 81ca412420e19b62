"""Report documents: the bytes that Amazon serves and a seller downloads."""
