"""How much memory one process of the service may take."""

from __future__ import annotations

from collections.abc import Mapping

from theseller.config.environment import InvalidSettingError
from theseller.lib.core_dump_and_memory_limits import limit_memory

DEFAULT_MB = 2048
_LEAST_MB = 512


def memory_limit(environ: Mapping[str, str]) -> int | None:
    """Return the bytes that a process may take beyond those of its start.

    It reads ``THESELLER_MEMORY_MB``; None means no limit.

    Raises:
        InvalidSettingError: it is no number of megabytes, or less than a large import needs.
    """
    text = environ.get("THESELLER_MEMORY_MB") or str(DEFAULT_MB)
    megabytes = int(text) if text.isascii() and text.isdigit() and len(text) < 9 else -1
    if megabytes != 0 and megabytes < _LEAST_MB:
        raise InvalidSettingError(
            f"THESELLER_MEMORY_MB must be a number of megabytes, at least {_LEAST_MB}, or 0 for no"
            " limit"
        )
    return megabytes << 20 if megabytes else None


def apply_memory_limit(environ: Mapping[str, str]) -> None:
    """Limit this process's memory by the setting.

    Linux only; elsewhere nothing happens.

    Raises:
        InvalidSettingError: the setting is no number of megabytes, or too small.
    """
    extra = memory_limit(environ)
    if extra is not None:
        limit_memory(extra)
