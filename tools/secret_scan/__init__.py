"""Looks for secrets in what git holds, or is about to hold: plain and encoded. The command is bin/secret-scan."""
