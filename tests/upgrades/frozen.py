"""The hashes of migrations that have landed.

`frozen.json` holds one for each module and each SQL file that a migration reads.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "theseller"
_RECORD = Path(__file__).parent / "frozen.json"
#: Applied whole at each migrate, so editing them reaches every database.
_NOT_MIGRATIONS = {"postgres"}


def recorded() -> dict[str, str]:
    """Return the recorded hashes by path below src/theseller."""
    return dict(json.loads(_RECORD.read_text()))


def present() -> dict[str, str]:
    """Return the hashes of what is in the checkout now."""
    files = [*SOURCE.glob("*/migrations/[0-9]*.py"), *SOURCE.glob("*/sql/*.sql")]
    return {
        str(path.relative_to(SOURCE)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.relative_to(SOURCE).parts[0] not in _NOT_MIGRATIONS
    }


def freeze() -> None:
    """Add what is new to the record; what is recorded stays as it is."""
    _RECORD.write_text(json.dumps(dict(sorted((present() | recorded()).items())), indent=1) + "\n")
