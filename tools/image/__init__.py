"""Makes the container image of the program. The command is bin/image."""
