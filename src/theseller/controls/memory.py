"""Keep what a process knows in that process: no image of its memory on a disk."""

from __future__ import annotations

import resource


def forbid_core_dumps() -> None:
    """Tell the system to write no core file when this process crashes; nobody can turn it on again without starting anew."""
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
