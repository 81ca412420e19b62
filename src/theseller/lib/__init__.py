"""Clock, IDs, money, marketplaces, logging and other basics. Without Django."""
