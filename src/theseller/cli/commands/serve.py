"""`theseller serve`: run the web process, for service managers.

The demo runs the same command.
"""

from __future__ import annotations

import argparse
import contextlib
import os
import shutil
import sys
from pathlib import Path

from theseller.cli.django_setup import setup_django
from theseller.cli.errors import CommandError
from theseller.cli.inherited_sockets import (
    inherited_sockets,
    listen_on,
    without_socket_activation,
)
from theseller.cli.state_folder_locks import lock_state_folder
from theseller.cli.state_folders import make_state_folder, state_folder
from theseller.cli.tcp_ports import LOOPBACK, choose_port, parse_port
from theseller.config.concurrency_defaults import WEB_PROCESSES, WEB_THREADS
from theseller.config.environment import read_environment
from theseller.config.metrics_settings import (
    METRICS_FOLDER,
    METRICS_HOST,
    WEB_METRICS_PORT,
    metrics_port,
)
from theseller.config.operator_on_security_page import require_operator_identity

#: A file system in memory, on Linux.
_MEMORY = Path("/dev/shm")  # noqa: S108 - each folder in it is made for us alone

HELP = "serve the web pages (by default to this machine only)"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declare the address, the processes and the threads."""
    parser.add_argument(
        "--host",
        default=LOOPBACK,
        help="address to listen on; use a reverse proxy in front of anything but 127.0.0.1",
    )
    parser.add_argument("--port", help="port to listen on (default: THESELLER_PORT, else 8100)")
    parser.add_argument(
        "--workers",
        type=int,
        default=WEB_PROCESSES,
        help=f"number of processes (default {WEB_PROCESSES})",
    )
    parser.add_argument(
        "--threads",
        type=int,
        default=WEB_THREADS,
        help=f"threads per process (default {WEB_THREADS})",
    )


def run(args: argparse.Namespace) -> int:
    """Replace this process by gunicorn, so that our supervisor supervises it.

    A service manager may pass listening sockets (systemd's socket activation). Then the port stays
    open while the service restarts, and two versions may serve it side by side.
    """
    sockets = inherited_sockets(os.environ)
    port = parse_port(
        args.port or os.environ.get("THESELLER_PORT", "8100"),
        "--port" if args.port else "THESELLER_PORT",
    )
    if args.host == LOOPBACK and not sockets:
        choose_port(port, fixed=True, variable="THESELLER_PORT")
    state = state_folder(os.environ)
    # The first command on a second host may be this one: what it stores there must be known as
    # ours.
    make_state_folder(state)
    lock_state_folder(state, inheritable=True)
    environ = {
        **without_socket_activation(os.environ),
        "THESELLER_ROLE": "web",
        "THESELLER_STATE": str(state),
    }
    # Checked here, where a wrong setting is one message; in gunicorn's workers it would be a
    # traceback.
    read_environment(environ, default_state=state)
    require_operator_identity(environ)
    # Here and not in each of gunicorn's workers: one that is replaced after a newer version
    # migrated must not end the others.
    setup_django("web")
    # Empty in a checkout, where static files are found beside their code; whitenoise warns in each
    # process if it does not exist.
    (state / "static").mkdir(exist_ok=True)
    addresses = [f"fd://{one}" for one in sockets] or [f"{args.host}:{port}"]
    if (local := metrics_port(environ, WEB_METRICS_PORT)) is not None:
        choose_port(local, fixed=True, variable=WEB_METRICS_PORT)
        environ["PROMETHEUS_MULTIPROC_DIR"] = str(_empty_metrics_folder(state, local))
        # gunicorn opens no address beside sockets that are passed to it.
        addresses.append(
            f"fd://{listen_on(METRICS_HOST, local)}" if sockets else f"{METRICS_HOST}:{local}"
        )
    command = [
        sys.executable, "-m", "gunicorn", "theseller.config.wsgi:application",
        "--config", "python:theseller.config.gunicorn",
        *(part for address in addresses for part in ("--bind", address)),
        "--worker-class", "theseller.config.request_buffering_worker.BufferingWorker",
        "--worker-connections", "600", "--workers", str(args.workers),
        "--threads", str(args.threads), "--graceful-timeout", "10", "--timeout", "60",
        "--no-control-socket", "--log-level", "warning",
        # The heartbeat file on a slow disk would get healthy workers killed.
        # gunicorn unlinks it once open
        *(["--worker-tmp-dir", "/dev/shm"] if Path("/dev/shm").is_dir() else []),  # noqa: S108
    ]  # fmt: skip
    os.execve(command[0], command, environ)  # noqa: S606


def _empty_metrics_folder(state: Path, port: int) -> Path:
    """Return the empty folder of the metrics that this port shows.

    The web processes count together in it. Counts begin at zero with each
    start, as Prometheus expects.

    It is in memory where that is possible: the files are mapped, and a process that writes to a
    mapped file on a full disk is killed (SIGBUS).
    """
    on_disk = state / METRICS_FOLDER / str(port)
    in_memory = _MEMORY / f"theseller-metrics-{os.getuid()}-{port}"
    for folder in (in_memory, on_disk):
        shutil.rmtree(folder, ignore_errors=True)
        # Another account may have made it before.
        with contextlib.suppress(OSError):
            folder.mkdir(mode=0o700, parents=folder is on_disk)
            return folder
    raise CommandError(
        f"the folder {on_disk} for metrics can't be made.",
        "Look at its owner and at the space on its disk.",
    )
