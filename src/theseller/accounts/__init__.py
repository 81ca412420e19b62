"""People who sign in, and the shops they belong to."""
