"""The hashes of migrations that have landed.

Each has one for each module and each SQL file that a migration reads: `frozen.json` those of the
last recorded release and before, `landed.json` those since.
"""

from __future__ import annotations

import hashlib
import json
from pathlib import Path

SOURCE = Path(__file__).resolve().parents[2] / "src" / "theseller"
_RECORD = Path(__file__).parent / "frozen.json"
_SINCE = Path(__file__).parent / "landed.json"
#: Applied whole at each migrate, so editing them reaches every database.
_NOT_MIGRATIONS = {"postgres"}


def recorded() -> dict[str, str]:
    """Return the hashes of recorded releases by path below src/theseller."""
    return dict(json.loads(_RECORD.read_text()))


def landed() -> dict[str, str]:
    """Return the hashes of recorded releases, and of what landed since."""
    return dict(json.loads(_SINCE.read_text())) | recorded()


def present() -> dict[str, str]:
    """Return the hashes of what is in the checkout now."""
    files = [*SOURCE.glob("*/migrations/[0-9]*.py"), *SOURCE.glob("*/sql/*.sql")]
    return {
        str(path.relative_to(SOURCE)): hashlib.sha256(path.read_bytes()).hexdigest()
        for path in sorted(files)
        if path.relative_to(SOURCE).parts[0] not in _NOT_MIGRATIONS
    }


def add_landed() -> None:
    """Add what is new to `landed.json`; what it has stays as it is."""
    since = (present() | landed()).items() - recorded().items()
    _write(_SINCE, dict(since))


def freeze() -> None:
    """Add what is new to the record of releases; what is recorded stays as it is."""
    _write(_RECORD, present() | landed())
    _write(_SINCE, {})


def _write(path: Path, hashes: dict[str, str]) -> None:
    path.write_text(json.dumps(dict(sorted(hashes.items())), indent=1) + "\n")
