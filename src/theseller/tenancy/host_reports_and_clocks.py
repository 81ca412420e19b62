"""The hosts that run processes of this deployment, and their clocks.

Each process reports its host to the database. A host is known by its state folder.
"""

from __future__ import annotations

import json
import re
import shutil
import socket
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections
from psycopg import Connection

from theseller.lib import sql_execution
from theseller.tenancy.host_types import CLOCK_SECONDS_MAX, SILENT_SECONDS, Host
from theseller.tenancy.state_folder_identity import folder_identity

_CLOCK = "select extract(epoch from clock_timestamp())::float"
_REPORT = """
insert into tenancy_host as h
    (id, process, name, version, settings, clock_ahead, disk_free, disk_size)
values (%(id)s, %(process)s, %(name)s, %(version)s, %(settings)s, %(ahead)s, %(free)s, %(size)s)
on conflict (id, process) do update set
    name = excluded.name, version = excluded.version, settings = excluded.settings,
    reached_from = excluded.reached_from, clock_ahead = excluded.clock_ahead,
    disk_free = excluded.disk_free, disk_size = excluded.disk_size,
    started_at = case when h.seen_at < now() - %(silent)s * interval '1 second'
        then now() else h.started_at end,
    seen_at = now()
"""
_HOSTS = """
select id, process, name, version, settings, host(reached_from), clock_ahead, disk_free, disk_size,
       extract(epoch from now() - seen_at)::float
from tenancy_host order by name, id, process
"""


class WrongClockError(RuntimeError):
    """The clock of this host is too far from the database's."""


def host_id(state: Path) -> UUID:
    """Return the ID of the host that has this state folder.

    It is made if there is none.
    """
    return UUID(folder_identity(state, make=True)[:32])


def this_host() -> UUID:
    """Return the ID of the host that this process runs on."""
    return host_id(settings.ENVIRONMENT.state)


def host_queue() -> str:
    """Return the name of the queue of this host's own jobs.

    PostgreSQL cuts names of notifications at 63 bytes: Procrastinate puts 23 before it.
    """
    return f"host:{this_host().hex}"


def report_host(
    process: str, *, version: str, hashes: Mapping[str, str], using: str = "default"
) -> None:
    """Write this host's row.

    Args:
        process: web or worker.
        version: the version of the program.
        hashes: a short hash of each setting that all hosts must have alike.
        using: the connection that writes.
    """
    disk = shutil.disk_usage(settings.ENVIRONMENT.state)
    sql_execution.execute(
        connections[using],
        _REPORT,
        {
            "id": this_host(),
            "process": process,
            "name": re.sub(r"[^A-Za-z0-9._-]", "-", socket.gethostname())[:64] or "unnamed",
            "version": version,
            "settings": json.dumps(dict(hashes)),
            "ahead": clock_ahead(connections[using]),
            "free": disk.free,
            "size": max(disk.total, disk.free),
            "silent": SILENT_SECONDS,
        },
    )


def remove_host(process: str, *, using: str = "default") -> None:
    """Delete the row of this host's process, which stops in order."""
    sql_execution.execute(
        connections[using],
        "delete from tenancy_host where id = %s and process = %s",
        [this_host(), process],
    )


def hosts(*, using: str = "default") -> tuple[Host, ...]:
    """Return every process of every host, by name."""
    return tuple(_host(row) for row in sql_execution.rows(connections[using], _HOSTS))


def clock_ahead(database: sql_execution.Database | Connection[Any]) -> float:
    """Return by how many seconds this host's clock is ahead of the database's.

    The time that the answer takes counts in the host's favor.
    """
    before = time.time()
    there = float(sql_execution.value(database, _CLOCK))
    return max(0.0, before - there) or min(0.0, time.time() - there)


def refuse_wrong_clock(ahead: float) -> None:
    """Check that this host's clock agrees with the database's.

    Raises:
        WrongClockError: it differs by more than `CLOCK_SECONDS_MAX`.
    """
    if abs(ahead) > CLOCK_SECONDS_MAX:
        where = "ahead of" if ahead > 0 else "behind"
        raise WrongClockError(
            f"this host's clock is {abs(ahead):.0f} s {where} the database's: leases, tickets and"
            " rate limits would be wrong. Let both hosts follow a time server"
        )


def _host(row: tuple[Any, ...]) -> Host:
    identity, process, name, version, hashes, address, *numbers = row
    if isinstance(hashes, str):
        hashes = json.loads(hashes)
    ahead, free, size, age = numbers
    return Host(
        identity, process, name, version, hashes, address or "", ahead, free, size, max(0.0, age)
    )
