"""The settings of exports of the state folder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from theseller.config.environment import InvalidSettingError
from theseller.crypto.errors import KeyFileError
from theseller.crypto.recovery_key import checked_public_key
from theseller.retention.retention_limits import BACKUP_DAYS

EXPORT_KEY, EXPORT_FOLDER = "THESELLER_STATE_EXPORT_KEY", "THESELLER_STATE_EXPORTS"
EXPORT_DAYS = "THESELLER_STATE_EXPORT_DAYS"
_DAYS = 7


@dataclass(frozen=True, slots=True)
class StateExportSettings:
    """Where the worker exports to, for which key, and the highest age.

    `folder` is None if the worker exports nothing, `recipient` if no key is set. `days` are days.
    """

    recipient: str | None
    folder: Path | None
    days: int


def read_state_export_settings(environ: Mapping[str, str]) -> StateExportSettings:
    """Return the settings of exports.

    Raises:
        InvalidSettingError: one is wrong, or the folder is set without a key.
    """
    recipient, folder = read_export_key(environ), environ.get(EXPORT_FOLDER, "").strip()
    if folder and not folder.startswith("/"):
        raise InvalidSettingError(f"{EXPORT_FOLDER} must be an absolute folder")
    if folder and recipient is None:
        raise InvalidSettingError(
            f"{EXPORT_FOLDER} needs {EXPORT_KEY}: `theseller state new-key FILE` prints it"
        )
    return StateExportSettings(
        recipient, Path(folder) if folder else None, read_export_days(environ)
    )


def read_export_key(environ: Mapping[str, str]) -> str | None:
    """Return the public recovery key to which exports are sealed, or None.

    Raises:
        InvalidSettingError: the setting is no public recovery key.
    """
    text = environ.get(EXPORT_KEY, "").strip()
    if not text:
        return None
    try:
        return checked_public_key(text)
    except KeyFileError as error:
        raise InvalidSettingError(f"{EXPORT_KEY}: {error}") from None


def read_export_days(environ: Mapping[str, str]) -> int:
    """Return the age in days from which the last export is too old.

    Raises:
        InvalidSettingError: the setting is no number of days that is allowed.
    """
    text = environ.get(EXPORT_DAYS) or str(_DAYS)
    days = int(text) if text.isascii() and text.isdigit() else 0
    if not 1 <= days <= BACKUP_DAYS:
        raise InvalidSettingError(
            f"{EXPORT_DAYS} must be 1 to {BACKUP_DAYS}: an older export opens no backup any more"
        )
    return days
