"""PostgreSQL: where its programs are, our own supervisor for the embedded server, its roles and grants. No framework."""
