"""Search for secrets in what git stores, or is about to store.

Plain and encoded. The command is bin/secret-scan.
"""
