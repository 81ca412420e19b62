"""Password reset: one-time links to choose a new password."""
