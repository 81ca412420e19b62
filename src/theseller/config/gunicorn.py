"""gunicorn's configuration: its first process reads no settings of ours, and holds secrets where variables carry them."""

from __future__ import annotations

import sys
import time

from theseller.lib.logs import configure_logging, getLogger
from theseller.lib.memory import disable_core_dumps

_STARTED = time.monotonic()

# Forwarded headers are read by `edge.proxies`, from the proxies that THESELLER_TRUSTED_PROXIES
# names. gunicorn would accept them from this machine and from any Unix socket, and answer 500 to a
# SCRIPT_NAME that does not fit.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def on_starting(_arbiter: object) -> None:
    """Keep the first process's memory off the disk, and its messages in the form of all others. Its workers do the same by the settings."""
    disable_core_dumps()
    configure_logging("web", sys.stderr)


def on_exit(_arbiter: object) -> None:
    """Say as the last line that the service ended, and of what. Gunicorn calls it while it handles what ends it."""
    status = int(getattr(sys.exc_info()[1], "exit_status", 0))
    log = getLogger("theseller.serve")
    told = log.error if status else log.info
    reason = "workers_did_not_start" if status else "signal"
    told(
        "serve_stopped",
        reason=reason,
        exit_status=status,
        seconds=round(time.monotonic() - _STARTED, 1),
    )
