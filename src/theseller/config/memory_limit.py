"""How much memory one process of the service may take."""

from __future__ import annotations

from collections.abc import Mapping

from theseller.config.environment import InvalidSettingError
from theseller.lib.memory import limit_memory

DEFAULT_MB = 2048
_LEAST_MB = 512


def memory_limit(environ: Mapping[str, str]) -> int | None:
    """Read ``THESELLER_MEMORY_MB``: the bytes that a process may take beyond those of its start; None for no limit.

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
    """Limit this process's memory as the setting says (Linux; elsewhere nothing happens). Raises InvalidSettingError."""
    extra = memory_limit(environ)
    if extra is not None:
        limit_memory(extra)
