"""Clock, IDs, money, marketplaces, logging and other basics. No framework."""
