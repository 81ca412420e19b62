"""Run Python programs in forks of a process that has imported the libraries.

A start takes 0.1 s of a processor instead of 0.9 s. `run` does what subprocess.run does for a
program that runs to its end. The server is one process for each test process, started at the first
use. It imports only what neither reads the environment nor needs Django's settings. For each
program it forks a process, which takes the program's environment and output, sets Django up itself,
and ends as Python does.

A process whose id, signals or command line matter is started without it.
"""

from __future__ import annotations

import array
import contextlib
import functools
import gc
import importlib
import json
import os
import pkgutil
import runpy
import signal
import socket
import subprocess
import sys
import threading
import types
from collections.abc import Mapping
from pathlib import Path
from typing import Any, BinaryIO

from theseller.postgres.os_processes import stop_with_parent

ROOT = Path(__file__).resolve().parent.parent
_FILES = 3  # the connection on which the exit status is awaited, standard output, standard error
_LENGTH = 4  # bytes before each request, which say how long it is

#: Imported before the first program. What they import comes with them. None of them imports models,
#: tasks or registrations of tables, which Django's settings have a part in.
_LIBRARIES = (
    "argparse", "concurrent.futures.thread", "cryptography.hazmat.primitives.asymmetric.ed25519",
    "cryptography.hazmat.primitives.ciphers.aead", "cryptography.x509",
    "django.contrib.auth.hashers", "django.contrib.auth.password_validation",
    "django.contrib.postgres.fields", "django.contrib.postgres.indexes",
    "django.contrib.postgres.search", "django.contrib.sessions.backends.base", "django.core.mail",
    "django.core.management", "django.db.backends.postgresql.base", "django.db.migrations",
    "django.db.migrations.recorder", "django.db.migrations.writer", "django.db.models",
    "django.db.models.sql.compiler", "django.forms", "django.http", "django.template.loader",
    "django.urls", "django.utils.translation", "django.views", "httpx", "logging.config",
    "procrastinate", "psycopg.types.hstore", "psycopg.types.json", "psycopg_pool", "structlog",
    "tarfile", "theseller.accounts.one_time_link_tokens", "theseller.accounts.types",
    "theseller.amazon.decoders.inventory", "theseller.amazon.decoders.orders",
    "theseller.amazon.decoders.recipients", "theseller.amazon.decoders.reports_api",
    "theseller.amazon.decoders.transactions", "theseller.amazon.lwa",
    "theseller.amazon.report_document_stream", "theseller.amazon.reports",
    "theseller.amazon.spapi_client", "theseller.analytics.rollups.rollup_recount_check",
    "theseller.analytics.rollups.types", "theseller.audit.checkpointing", "theseller.audit.types",
    "theseller.backups.scheduled_operations", "theseller.backups.types", "theseller.buyer_pii.types",
    "theseller.cli.commands",
    "theseller.cli.errors", "theseller.config.database_settings",
    "theseller.config.egress_and_subprocessors", "theseller.config.environment",
    "theseller.config.operator_on_security_page", "theseller.connections.types",
    "theseller.lib.code_version", "theseller.controls.operations", "theseller.controls.types",
    "theseller.crypto.secret_and_key_config", "theseller.datamap.table_registry",
    "theseller.edge.rate_limits", "theseller.erasure.certificate_links",
    "theseller.erasure.execution", "theseller.erasure.types",
    "theseller.ingest.facts.ledger_writer", "theseller.ingest.facts.source_documents",
    "theseller.ingest.facts.write_orders", "theseller.ingest.facts.history_windows",
    "theseller.ingest.types", "theseller.key_rotation.purpose_key_rotation",
    "theseller.key_rotation.queries", "theseller.key_rotation.types",
    "theseller.lib.database_failures", "theseller.lib.structured_logging",
    "theseller.lib.safe_tracebacks", "theseller.mail.delivery", "theseller.operators.shop_access.types",
    "theseller.postgres.server", "theseller.retention.fact_expiry", "uuid", "zoneinfo",
)  # fmt: skip


def run(arguments: list[str], *, environ: Mapping[str, str]) -> subprocess.CompletedProcess[str]:
    """Run `python ARGUMENTS` and return its exit status and what it printed.

    The arguments are `-c CODE …` or `-m MODULE …`. An environment that has Python find other
    modules gets a process of its own.
    """
    if environ.get("PYTHONPATH") != os.environ.get("PYTHONPATH"):
        return subprocess.run(
            [sys.executable, *arguments],
            cwd=ROOT, env=environ, capture_output=True, text=True, check=False,
            stdin=subprocess.DEVNULL,
        )  # fmt: skip
    ours, theirs = socket.socketpair()
    with contextlib.ExitStack() as stack:
        stack.enter_context(ours)
        outputs = [os.pipe(), os.pipe()]
        readers = [stack.enter_context(os.fdopen(reader, "rb")) for reader, _ in outputs]
        request = {"arguments": arguments, "environ": dict(environ)}
        try:
            _send(request, [theirs.fileno(), *(writer for _, writer in outputs)])
        finally:
            theirs.close()
            for _, writer in outputs:
                os.close(writer)
        stdout, stderr = _read_both(*readers)
        status = ours.recv(16)
    if not status:
        raise RuntimeError(f"the server of preloaded programs ended: {arguments}")
    return subprocess.CompletedProcess(
        [sys.executable, *arguments], int(status), stdout.decode(), stderr.decode()
    )


def _read_both(first: BinaryIO, second: BinaryIO) -> tuple[bytes, bytes]:
    """Read two pipes to their ends at the same time, so that neither fills up."""
    found: list[bytes] = []
    reader = threading.Thread(target=lambda: found.append(second.read()))
    reader.start()
    answer = first.read()
    reader.join()
    return answer, found[0]


_sending = threading.Lock()


def _send(request: dict[str, Any], files: list[int]) -> None:
    content = json.dumps(request).encode()
    with _sending:
        server, _ = _server()
        passed = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", files))]
        server.sendmsg([len(content).to_bytes(_LENGTH)], passed)
        server.sendall(content)


@functools.cache
def _server() -> tuple[socket.socket, subprocess.Popen[bytes]]:
    """Start the server. It ends when this process does, which closes the connection."""
    ours, theirs = socket.socketpair()
    environ = {
        name: os.environ[name] for name in ("PATH", "LANG", "PYTHONPATH") if name in os.environ
    }
    with theirs:
        process = subprocess.Popen(
            [sys.executable, "-m", "tests.preloaded", str(theirs.fileno())],
            cwd=ROOT, env=environ, pass_fds=[theirs.fileno()], stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )  # fmt: skip
    return ours, process


# --- in the server


def _serve(connection: socket.socket) -> dict[str, Any]:
    """Fork a process for each request, and return the request in that process."""
    gc.disable()
    for name in _LIBRARIES:
        importlib.import_module(name)
    for command in pkgutil.iter_modules(sys.modules["theseller.cli.commands"].__path__):
        importlib.import_module(f"theseller.cli.commands.{command.name}")
    # No file of the program is replaced while tests run, and each process would read them all.
    sys.modules["theseller.lib.code_version"].code_version()
    gc.freeze()
    while True:
        request, files = _received(connection)
        _reap()
        end_with_server = stop_with_parent(signal.SIGKILL)
        if os.fork() == 0:
            connection.close()
            if end_with_server:
                end_with_server()
            _forked(*files)
            return request
        for file in files:
            os.close(file)


def _reap() -> None:
    """Collect the processes that have ended."""
    with contextlib.suppress(ChildProcessError):
        while os.waitpid(-1, os.WNOHANG)[0]:
            pass


def _received(connection: socket.socket) -> tuple[dict[str, Any], list[int]]:
    head, ancillary, _, _ = connection.recvmsg(_LENGTH, socket.CMSG_SPACE(_FILES * 4))
    if not head:
        os._exit(0)
    content = b""
    while len(content) < int.from_bytes(head):
        content += connection.recv(int.from_bytes(head) - len(content))
    return json.loads(content), list(array.array("i", ancillary[0][2]))


def _forked(answers: int, stdout: int, stderr: int) -> None:
    """Fork once more: one waits for the other's end and sends its status, the other returns."""
    end_with_first = stop_with_parent(signal.SIGKILL)
    child = os.fork()
    if child:
        os.close(stdout)
        os.close(stderr)
        _, status = os.waitpid(child, 0)
        os.write(answers, str(os.waitstatus_to_exitcode(status)).encode())
        os._exit(0)
    if end_with_first:
        end_with_first()
    os.close(answers)
    for file, place in ((stdout, 1), (stderr, 2)):
        os.dup2(file, place)
        os.close(file)


def _become(arguments: list[str], environ: dict[str, str]) -> None:
    """Run the program as this process's main one."""
    os.environ.clear()
    os.environ.update(environ)
    sys.stdout = open(1, "w", buffering=1, closefd=False)  # noqa: SIM115
    gc.enable()
    kind, program, *rest = arguments
    if kind == "-m":
        sys.argv = [program, *rest]
        runpy.run_module(program, run_name="__main__", alter_sys=True)
        return
    sys.argv = [kind, *rest]
    main = sys.modules["__main__"] = types.ModuleType("__main__")
    exec(compile(program, "<string>", "exec"), main.__dict__)  # noqa: S102 - what `python -c` does


if __name__ == "__main__":
    _become(**_serve(socket.socket(fileno=int(sys.argv[1]))))
