"""kill -9 during an attempt: what is recorded is true, and nothing is sent silently twice."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from datetime import timedelta

import pytest
from django.db import connections
from tests.cast import Cast
from tests.database import test_server
from tests.integration.mail.test_delivery import attempts, deliver, the_entry
from tests.integration.mail.test_queue import INVITATION
from tests.smtp_server import RunningServer

from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.mail.operations import queue_mail
from theseller.mail.types import MessageState

_DELIVER = (
    "import django; django.setup();"
    "from theseller.lib import clock; from theseller.mail.delivery import deliver_due;"
    "deliver_due(now=clock.now)"
)


@contextlib.contextmanager
def _delivering(server: RunningServer) -> Iterator[subprocess.Popen[bytes]]:
    """Run a process that delivers, like a worker's job."""
    name = connections["worker"].settings_dict["NAME"]
    environ = {
        **os.environ,
        "THESELLER_ROLE": "worker",
        "DATABASE_URL": f"postgresql:///{name}?host={test_server().socket_dir}",
        "THESELLER_MAIL_URL": f"smtp://localhost:{server.port}",
        "THESELLER_MAIL_FROM": "Acme Analytics <analytics@acme.example>",
        "THESELLER_MAIL_CA_FILE": str(server.certificate),
    }
    process = subprocess.Popen([sys.executable, "-c", _DELIVER], env=environ)
    try:
        yield process
    finally:
        process.kill()
        process.wait(60)


@pytest.mark.parametrize(
    ("moment", "outcome", "copies"), [("rcpt", "unreachable", 1), ("data", "unknown", 2)]
)
def test_killed_attempt(
    cast: Cast, server: RunningServer, moment: str, outcome: str, copies: int
) -> None:
    server.behavior.hang_at = moment
    at = clock.now()
    queue_mail(INVITATION, recipient=cast.alice.email, idempotency_key=f"kill:{new_id()}", at=at)
    with _delivering(server) as process:
        assert server.behavior.reached.wait(120)
        # Its lock still lives: no other process sends meanwhile.
        assert deliver(clock.now()) == 0
        assert the_entry().state is MessageState.SENDING
        process.send_signal(signal.SIGKILL)
        process.wait(60)
    server.behavior.hang_at = ""
    server.behavior.hold.set()
    _wait_for_the_lock()
    assert deliver(clock.now()) == 0
    assert (the_entry().state, attempts()) == (MessageState.QUEUED, [(1, outcome)])
    assert deliver(clock.now() + timedelta(minutes=2)) == 1
    assert (the_entry().state, len(server.received)) == (MessageState.SENT, copies)
    assert len({message["Message-ID"] for message in server.messages()}) == 1
    assert the_entry().unknown_attempts == copies - 1


def _wait_for_the_lock() -> None:
    """PostgreSQL notices the end of the killed process, and frees its lock."""
    with connections["probe"].cursor() as cursor:
        cursor.execute("select pg_advisory_lock(7105004)")
        cursor.execute("select pg_advisory_unlock(7105004)")


def test_restarted_process_sends_what_was_queued(cast: Cast, server: RunningServer) -> None:
    queue_mail(
        INVITATION,
        recipient=cast.alice.email,
        idempotency_key=f"restart:{new_id()}",
        at=clock.now(),
    )
    with _delivering(server) as process:
        assert process.wait(120) == 0
    assert (the_entry().state, len(server.received)) == (MessageState.SENT, 1)
