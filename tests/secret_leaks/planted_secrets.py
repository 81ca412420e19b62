"""The secrets that failing code holds.

They come by a file outside of everything that is searched, named by the environment.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

VARIABLE = "TESTS_WORDS"


def planted_secret(name: str) -> str:
    return str(json.loads(Path(os.environ[VARIABLE]).read_text())[name])
