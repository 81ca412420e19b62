"""PostgreSQL: find its programs, supervise the embedded server, set roles."""
