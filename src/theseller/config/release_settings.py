"""Where the files and the public key of the installed release are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from theseller.config.environment import InvalidSettingError


@dataclass(frozen=True, slots=True)
class ReleaseSettings:
    """Folder of the release, and file of the public key; None if not set."""

    folder: Path | None = None
    key: Path | None = None


def read_release_settings(environ: Mapping[str, str]) -> ReleaseSettings:
    """Return the paths of the release that is to be installed here.

    Raises:
        InvalidSettingError: only one of the two is set, or a path is not absolute.
    """
    folder, key = (environ.get(name, "") for name in ("THESELLER_RELEASE", "THESELLER_RELEASE_KEY"))
    if bool(folder) != bool(key):
        raise InvalidSettingError(
            "THESELLER_RELEASE, the folder of the release's files, and THESELLER_RELEASE_KEY, the"
            " file of the public key, belong together: set both or none"
        )
    for name, path in (("THESELLER_RELEASE", folder), ("THESELLER_RELEASE_KEY", key)):
        if path and not Path(path).is_absolute():
            raise InvalidSettingError(f"{name} must be an absolute path")
    return ReleaseSettings(Path(folder), Path(key)) if folder else ReleaseSettings()
