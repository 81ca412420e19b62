"""Report documents: the bytes that Amazon would serve and that a seller would download."""
