"""Reads the systemd units of deploy."""

from __future__ import annotations

from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "deploy" / "systemd"


def settings_of(name: str, folder: Path = FOLDER) -> dict[str, list[str]]:
    """Return each setting of a unit with its values in order."""
    found: dict[str, list[str]] = {}
    for line in (folder / name).read_text().splitlines():
        if line and not line.startswith(("#", "[")):
            key, _, value = line.partition("=")
            found.setdefault(key, []).append(value)
    return found
