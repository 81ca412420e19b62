"""Processes that call Amazon for a connection as fast as they can, until they are refused.

Each records in a file of its own when each call was sent; run with Django being ready, which is
made ready once: the processes are forks.

The clock is the machine's monotonic one, which all processes share. `careless` leaves out the lock
that a disconnection waits for, and makes its fifth call only when the file `ended` is there: one
that was let in before the end, and leaves after it.
"""

from __future__ import annotations

import os
import random
import sys
import time
import traceback
from pathlib import Path
from uuid import UUID

from theseller.connections import access_tokens
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.queries import connection_view
from theseller.connections.types import ConnectionView
from theseller.lib import clock
from theseller.postgres.os_processes import wait_until

#: What a process does between being let in and calling, in seconds at most.
_PREPARATION = 0.03
_REFUSALS = 20
#: So many calls leave before a careless process waits for the end.
_CALLS_BEFORE_THE_END = 4
#: How long it waits for the end, in seconds at most.
_WAIT = 120


def careless(connection: UUID, *, using: str = "default") -> ConnectionView:
    found = connection_view(connection, using=using)
    if found is None or not found.is_open:
        raise ConnectionClosedError("this connection has ended")
    return found


def main() -> None:
    tenant, connection, how = UUID(sys.argv[1]), UUID(sys.argv[2]), sys.argv[3]
    children = []
    for result in map(Path, sys.argv[4:]):
        child = os.fork()
        if child == 0:
            _call_and_exit(tenant, connection, how, result)
        children.append(child)
    statuses = [os.waitpid(child, 0)[1] for child in children]
    sys.exit(int(any(statuses)))


def _call_and_exit(tenant: UUID, connection: UUID, how: str, result: Path) -> None:
    try:
        _call(tenant, connection, how, result)
    except BaseException:  # noqa: BLE001 - as a program of its own ends
        traceback.print_exc()
        os._exit(1)
    os._exit(0)


def _call(tenant: UUID, connection: UUID, how: str, result: Path) -> None:
    if how == "careless":
        # a name that the module does not hand out
        setattr(access_tokens, "lock_shared", careless)  # noqa: B010
    refused, calls, chance = 0, 0, random.Random(result.name)  # noqa: S311
    with result.open("w", buffering=1) as file:
        while refused < _REFUSALS:
            try:
                with access_tokens.open_connection(tenant, connection, at=clock.now()) as opened:
                    opened.discard_access_token()
                    time.sleep(chance.uniform(0, _PREPARATION))
                    if how == "careless" and calls == _CALLS_BEFORE_THE_END:
                        wait_until((result.parent / "ended").exists, _WAIT)
                    calls += 1
                    file.write(f"{time.monotonic()}\n")
                    opened.access_token()
            except ConnectionClosedError:
                refused += 1
        file.write("refused\n")


if __name__ == "__main__":
    main()
