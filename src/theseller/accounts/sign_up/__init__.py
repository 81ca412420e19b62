"""Sign-up: an address is verified by mail, then its person opens a shop."""
