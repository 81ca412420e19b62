"""Register probers, begin their runs, and accept their reports."""

from __future__ import annotations

import json
import os
import socket
from datetime import UTC, datetime, timedelta
from uuid import UUID

import msgspec
from django.conf import settings
from django.db import IntegrityError, connections, transaction

from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.controls.prober_reports.arrived_prober_requests import run_token
from theseller.controls.prober_reports.local_listening_ports import listening_ports
from theseller.controls.prober_reports.message_format import (
    REPORT_FORMAT,
    START_FORMAT,
    DatabaseAddress,
    InvalidMessageError,
    Plan,
    Report,
    SignedDocument,
    Start,
    is_signed_by,
    parse_document,
)
from theseller.controls.prober_reports.types import (
    CLOCKS_DIFFER,
    LIMITS_EVERY,
    RUN_LASTS,
    ProberRefusedError,
)
from theseller.lib import sql_execution
from theseller.lib.ids import new_id
from theseller.tenancy.host_reports_and_clocks import hosts

#: Runs and reports are deleted when they are this old.
REPORT_DAYS = timedelta(days=30)
#: Each port is tried at every public address. If more are open, none is tried, and ports are not
#: tested then.
_PORTS_MAX = 200


def add_prober(*, name: str, public_key: bytes, actor: str, at: datetime) -> None:
    """Register a prober, as the role that owns the tables.

    Raises:
        ProberRefusedError: the name or the key is registered, or the name can't be used.
    """
    try:
        with transaction.atomic():
            sql_execution.execute(
                connections["default"],
                "insert into controls_prober (name, public_key, added_at) values (%s, %s, %s)",
                [name, public_key, at],
            )
            record(
                Tag.PROBER_ADDED,
                actor=actor,
                tenant=None,
                subject=f"prober:{name}",
                at=at,
                details={"public_key": public_key.hex()},
            )
    except IntegrityError:
        raise ProberRefusedError(
            "This name or key is registered already, or it is no name: lower-case letters, digits"
            " and hyphens, at most 40."
        ) from None


def remove_prober(*, name: str, actor: str, at: datetime) -> bool:
    """Remove a prober and its reports; return whether there was one."""
    with transaction.atomic():
        removed = sql_execution.execute(
            connections["default"], "delete from controls_prober where name = %s", [name]
        )
        if removed:
            record(Tag.PROBER_REMOVED, actor=actor, tenant=None, subject=f"prober:{name}", at=at)
    return bool(removed)


def begin_run(signed: SignedDocument, *, at: datetime) -> Plan:
    """Issue a challenge to a registered prober.

    Raises:
        InvalidMessageError: the document can't be read.
        ProberRefusedError: no registered prober signed it, or its clock differs.
    """
    start = parse_document(signed.document, Start, expected_format=START_FORMAT)
    _require_signature(signed, start.prober)
    if abs(parse_time(start.at) - at) > CLOCKS_DIFFER:
        raise ProberRefusedError(
            "The clocks of the prober and of the deployment differ by more than two minutes."
        )
    run, challenge = new_id(), os.urandom(32)
    plan = Plan(
        run=str(run),
        challenge=challenge.hex(),
        public_url=settings.ENVIRONMENT.public_url,
        token=run_token(run),
        listening_ports=_ports_to_try(),
        databases=list(external_database()),
        limits=not _has_recent_limits(start.prober, at),
    )
    sql_execution.execute(
        connections["default"],
        "insert into controls_prober_run (id, prober, challenge, plan, issued_at) values (%s, %s,"
        " %s, %s, %s)",
        [run, start.prober, challenge, json.dumps(msgspec.to_builtins(plan)), at],
    )
    return plan


def accept_report(signed: SignedDocument, *, client: str, at: datetime) -> None:
    """Store a report of a run that has none yet.

    `client` is the address that it came from. What is stored is verified again by each control.

    Raises:
        InvalidMessageError: the document can't be read.
        ProberRefusedError: no registered prober signed it, its run is not the prober's, has a
            report or began too long ago, or its time is not that of the run.
    """
    report = parse_document(signed.document, Report, expected_format=REPORT_FORMAT)
    _require_signature(signed, report.prober)
    row = sql_execution.one(
        connections["default"],
        "select prober, challenge, issued_at from controls_prober_run where id = %s",
        [_run_id(report)],
    )
    if row is None or (row[0], bytes(row[1]).hex()) != (report.prober, report.challenge):
        raise ProberRefusedError("This run was not issued to this prober.")
    if not timedelta(0) <= at - row[2] <= RUN_LASTS:
        raise ProberRefusedError("This run began too long ago.", status=409)
    if not -CLOCKS_DIFFER <= parse_time(report.measured_at) - row[2] <= RUN_LASTS + CLOCKS_DIFFER:
        raise ProberRefusedError("The time of the measurements is not that of the run.")
    stored = sql_execution.execute(
        connections["default"],
        "insert into controls_prober_report (run_id, document, signature, from_elsewhere,"
        " received_at) values (%s, %s, %s, %s, %s) on conflict do nothing",
        [report.run, signed.document, signed.signature, not is_address_of_deployment(client), at],
    )
    if not stored:
        raise ProberRefusedError("This run has a report already.", status=409)


def external_database() -> tuple[DatabaseAddress, ...]:
    """Return the addresses of the database, if it is reached over a network.

    They are those that this process connects to: libpq takes several hosts, with commas between.
    """
    server = settings.DATABASES["default"]
    hosts, ports = str(server["HOST"]).split(","), str(server["PORT"]).split(",")
    if len(ports) == 1:
        ports *= len(hosts)
    return tuple(
        DatabaseAddress(host, int(port))
        for host, port in zip(hosts, ports, strict=True)
        if host and not host.startswith("/")
    )


def _ports_to_try() -> list[int] | None:
    ports = listening_ports()
    return None if ports is None or len(ports) > _PORTS_MAX else sorted(ports)


def _has_recent_limits(prober: str, at: datetime) -> bool:
    return bool(
        sql_execution.value(
            connections["default"],
            "select exists (select from controls_prober_run where prober = %s and issued_at > %s"
            " and (plan ->> 'limits')::boolean)",
            [prober, at - LIMITS_EVERY],
        )
    )


def delete_old_reports(*, at: datetime) -> int:
    """Delete old runs with their reports, as the worker.

    Return how many runs.
    """
    return sql_execution.execute(
        connections["default"],
        "delete from controls_prober_run where issued_at <= %s",
        [at - REPORT_DAYS],
    )


def is_address_of_deployment(address: str) -> bool:
    """Return whether an address is one of the deployment's hosts.

    It is one of this host, or one from which another reaches the database.
    """
    return is_own_address(address) or any(one.address == address for one in hosts())


def is_own_address(address: str) -> bool:
    """Return whether an address is this machine's, or none of the network.

    Only an address of the machine's own can be bound to.
    """
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as attempt:
            attempt.bind((address, 0))
    except socket.gaierror:
        return True  # no address, such as a Unix socket's
    except OSError:
        return False
    return True


def parse_time(text: str) -> datetime:
    """Return a time of a document.

    Raises:
        InvalidMessageError: it is none, or has no time zone.
    """
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise InvalidMessageError("a time of the document can't be read") from None
    if time.tzinfo is None:
        raise InvalidMessageError("a time of the document has no time zone")
    return time.astimezone(UTC)


def _run_id(report: Report) -> UUID:
    try:
        return UUID(report.run)
    except ValueError:
        raise InvalidMessageError("the run of the document is no ID") from None


def _require_signature(signed: SignedDocument, prober: str) -> None:
    row = sql_execution.one(
        connections["default"], "select public_key from controls_prober where name = %s", [prober]
    )
    if row is None or not is_signed_by(signed, bytes(row[0])):
        raise ProberRefusedError("No registered prober of this name signed the message.")
