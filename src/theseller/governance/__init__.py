"""What people promise and the machine keeps the clock of: the renewal of secrets, and later incidents, changes and people."""
