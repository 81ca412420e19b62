"""gunicorn's configuration.

Its first process reads none of our settings, and has secrets in its memory where environment
variables carry them.
"""

from __future__ import annotations

import os
import sys
import time
from typing import Any

from prometheus_client.multiprocess import mark_process_dead

from theseller.lib.core_dump_and_memory_limits import disable_core_dumps
from theseller.lib.structured_logging import configure_logging, getLogger

_STARTED = time.monotonic()

# Forwarded headers are read by `edge.proxies_and_health_checks`, from the proxies that
# THESELLER_TRUSTED_PROXIES names. gunicorn would accept them from this machine and from any Unix
# socket, and answer 500 to a SCRIPT_NAME that does not fit.
forwarded_allow_ips = ""
forwarder_headers = ""
secure_scheme_headers: dict[str, str] = {}


def on_starting(_arbiter: object) -> None:
    """Disable core dumps in the first process and configure its log.

    The workers do the same by the settings.
    """
    disable_core_dumps()
    configure_logging("web", sys.stderr)


def child_exit(_arbiter: object, worker: Any) -> None:  # gunicorn ships no types  # noqa: ANN401
    """Drop the gauges of a worker that ended; its counters stay in the sums."""
    if "PROMETHEUS_MULTIPROC_DIR" in os.environ:
        mark_process_dead(worker.pid)  # type: ignore[no-untyped-call]  # it has no types


def worker_exit(_arbiter: object, _worker: object) -> None:
    """Delete the row of this host's web process.

    Another one of this host writes it again.
    """
    # it needs Django, which only the workers have
    from theseller.config.host_reporting_and_job_queueing import stop_reporting  # noqa: PLC0415

    stop_reporting("web")


def on_exit(_arbiter: object) -> None:
    """Log as the last line that the service ended, and why.

    Gunicorn calls it while it handles the exception that ends it.
    """
    status = int(getattr(sys.exc_info()[1], "exit_status", 0))
    log = getLogger("theseller.serve")
    write = log.error if status else log.info
    reason = "workers_did_not_start" if status else "signal"
    write(
        "serve_stopped",
        reason=reason,
        exit_status=status,
        seconds=round(time.monotonic() - _STARTED, 1),
    )
