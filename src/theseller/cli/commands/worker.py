"""`theseller worker`: run the jobs.

Any number of workers share the queue.
"""

from __future__ import annotations

import argparse
import os

from theseller.cli.django_setup import setup_django
from theseller.cli.state_folder_locks import lock_state_folder
from theseller.cli.state_folders import make_state_folder, state_folder
from theseller.cli.tcp_ports import choose_port
from theseller.config.concurrency_defaults import WORKER_JOBS
from theseller.config.memory_limit import apply_memory_limit
from theseller.config.metrics_settings import WORKER_METRICS_PORT, metrics_port
from theseller.config.operator_on_security_page import require_operator_identity
from theseller.lib.egress_guard import restrict_egress
from theseller.lib.structured_logging import getLogger

HELP = "run background jobs: sync, rollups, erasures, controls"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the number of concurrent jobs."""
    parser.add_argument(
        "--concurrency",
        type=_positive,
        default=WORKER_JOBS,
        help=f"number of concurrent jobs (default {WORKER_JOBS})",
    )


def _positive(text: str) -> int:
    number = int(text)
    if not 1 <= number <= 64:
        raise argparse.ArgumentTypeError("choose 1 to 64")
    return number


def run(args: argparse.Namespace) -> int:
    """Run jobs until SIGTERM or SIGINT; return the worker's exit status."""
    port = metrics_port(os.environ, WORKER_METRICS_PORT)
    if port is not None:
        choose_port(port, fixed=True, variable=WORKER_METRICS_PORT)
    require_operator_identity(os.environ)
    setup_django("worker")
    state = state_folder(os.environ)
    # The first command on a second host may be this one: what its jobs store there must be known as
    # ours.
    make_state_folder(state)
    lock_state_folder(state)
    from django.conf import settings

    from theseller.config.job_metrics import serve_job_metrics
    from theseller.config.job_worker import run_worker
    from theseller.config.trace_export import start_traces

    restrict_egress(settings.EGRESS)
    apply_memory_limit(os.environ)
    _check_database()
    _settle_journal()
    serve_job_metrics(port)
    start_traces(settings.TRACES_URL, "worker")
    return run_worker(concurrency=args.concurrency, check=_check_database)


def _check_database() -> None:
    """Check that this host may work on the database.

    Raises:
        ConnectionPoolerError, UnsafeDatabaseRoleError, WrongClockError, WrongDatabaseError: it may
            not.
    """
    from django.db import connections

    from theseller.tenancy.database_startup_checks import refuse_unsafe_database
    from theseller.tenancy.host_reports_and_clocks import clock_ahead, refuse_wrong_clock

    refuse_unsafe_database()
    refuse_wrong_clock(clock_ahead(connections["default"]))


def _settle_journal() -> None:
    """Complete the erasure journal and destroy keys of ended connections.

    A key store that was restored from an older copy has such keys again. A key service that cannot
    answer now does not prevent the worker's start: the replay and each certificate try again.
    """
    from theseller.crypto.errors import CryptoError
    from theseller.erasure.journal_database_exchange import complete_journal
    from theseller.erasure.residual_key_destruction import destroy_keys_of_closed_connections
    from theseller.erasure.types import JournalUnreadableError

    log = getLogger(__name__)
    try:
        complete_journal()
        destroyed = destroy_keys_of_closed_connections()
    except (CryptoError, JournalUnreadableError) as error:
        log.error("erasure_journal_not_completed", reason=str(error))
        return
    if destroyed:
        log.warning("keys_of_ended_connections_destroyed", count=destroyed)
