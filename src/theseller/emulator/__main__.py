"""Entry point of ``python -m theseller.emulator``."""

from __future__ import annotations

import sys

from theseller.emulator.cli import main

if __name__ == "__main__":
    sys.exit(main())
