"""The composition root: the environment read once, Django's settings, addresses, processes, seeding."""
