"""Hides Rich from what bin/test starts. It comes with the linters, and no installation has it.

httpx would import its own command line with it: 0.15 s of a processor for each of a thousand
processes.
"""

raise ImportError("Rich is a tool of the linters")
