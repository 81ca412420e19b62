"""Jobs of this room."""
