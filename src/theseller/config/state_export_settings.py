"""The settings of exports of the state folder."""

from __future__ import annotations

from collections.abc import Mapping

from theseller.config.environment import InvalidSettingError
from theseller.crypto.errors import KeyFileError
from theseller.crypto.recovery_key import checked_public_key
from theseller.retention.retention_limits import BACKUP_DAYS

EXPORT_KEY, EXPORT_DAYS = "THESELLER_STATE_EXPORT_KEY", "THESELLER_STATE_EXPORT_DAYS"
_DAYS = 7


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
