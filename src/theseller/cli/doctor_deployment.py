"""Checks of `theseller doctor` for a deployment: the services it needs."""

from __future__ import annotations

import os
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from theseller.cli.deployment_secrets import (
    LWA_CLIENT_SECRET_NAME,
    given_secrets,
    own_secrets,
    secret_config,
    stores_keys_on_this_host_only,
)
from theseller.cli.django_setup import setup_django, try_connection
from theseller.cli.doctor_findings import Finding
from theseller.cli.errors import CommandError
from theseller.cli.external_postgres_inspection import VERSION_MIN
from theseller.cli.state_folders import state_folder
from theseller.config.concurrency_defaults import WEB_PROCESSES, connections_of_deployment
from theseller.config.environment import (
    InvalidSettingError,
    ProcessRole,
    read_backups,
    read_environment,
    read_environment_kind,
)
from theseller.config.mail_settings import read_mail_settings
from theseller.crypto.errors import CryptoError
from theseller.crypto.secret_and_key_config import make_key_store, make_secret_provider
from theseller.lib.database_failures import classify
from theseller.lib.safe_tracebacks import describe
from theseller.mail.types import MailMode
from theseller.retention.retention_limits import BACKUP_HOURS

if TYPE_CHECKING:
    from django.db.backends.utils import CursorWrapper

#: A worker writes every five seconds that it lives; a job that waits longer than this waits for a
#: worker.
_WORKER_SILENCE_SECONDS, _QUEUE_WAIT_SECONDS_MAX = 30, 600
_WORKERS = (
    "select count(*), min(extract(epoch from now() - last_heartbeat))::float from"
    " procrastinate_workers"
)
_WAITING = """
select count(*), coalesce(max(
  extract(epoch from now() - greatest(e.at, coalesce(j.scheduled_at, e.at)))), 0)::float
from procrastinate_jobs j
join lateral (select min(at) as at from procrastinate_events where job_id = j.id) e on true
where j.status = 'todo' and (j.scheduled_at is null or j.scheduled_at <= now())
"""
#: Requests with a connection that has no certificate though it should; the first rewriting may wait
#: an hour, and pauses (`erasure.work_pacing`).
_CERTIFICATE_HOURS_MAX = 6
_LATE = """
select count(*), max(extract(epoch from now() - received_at) / 3600)::float
from guard.deletion_requests(1000)
where certified < cardinality(connections)
  and received_at < now() - make_interval(hours => %s)
"""
_FAILING = """
select count(*) over (), first_at at time zone 'UTC', retry_at at time zone 'UTC', reason
from guard.failed_erasures(1000) union all select 0, null, null, null order by 1 desc, 2 limit 1
"""
_LAST_BACKUP = """
select extract(epoch from now() - max(b.begun_at) filter (where b.finished_at is not null))::float
           / 3600,
       (select extract(epoch from now() - max(d.finished_at) filter (where d.passed))::float / 3600
        from retention_drill d),
       (select (array_agg(d.passed order by d.finished_at desc))[1] from retention_drill d),
       (select extract(epoch from now() - min(g.set_at))::float / 3600 from guard.deployment g)
from retention_backup b
"""
_START_WORKER = "Start the worker (`systemctl start theseller-worker`), and look at its log."


def examine_deployment(state: Path) -> Iterator[Finding]:
    """Check settings, secrets, key service, backup target and database.

    A failure is a finding; the later checks still run.
    """
    try:
        environment = read_environment(
            {**os.environ, "THESELLER_ROLE": ProcessRole.WEB.value}, default_state=state
        )
    except InvalidSettingError as error:
        yield Finding(
            "settings",
            str(error),
            failed=True,
            advice="docs/operate/settings.md lists every setting.",
        )
        return
    yield Finding("settings", f"{environment.kind}, for {environment.public_url}")
    proxies = os.environ.get("THESELLER_TRUSTED_PROXIES", "").strip()
    yield Finding("proxies", proxies or "none is trusted")
    for check in (_secrets, _key_store, _backups, _mail):
        yield from _checked(check, state)
    yield from _database(state)


def _checked(check: Callable[[Path], Finding], state: Path) -> Iterator[Finding]:
    name = check.__name__.strip("_").replace("_", " ")
    try:
        yield check(state)
    except (CommandError, CryptoError, InvalidSettingError, OSError) as error:
        yield Finding(
            name, str(error) or describe(error), failed=True, advice=getattr(error, "advice", "")
        )


def _secrets(state: Path) -> Finding:
    choice = secret_config(state)
    provider = make_secret_provider(choice, os.environ)
    missing = []
    for name in (*own_secrets(choice), *given_secrets(choice)):
        try:
            provider.get(name)
        except CryptoError:
            missing.append(name)
    advice = (
        f"`theseller secrets fill` makes ours, `theseller secrets put {LWA_CLIENT_SECRET_NAME}`"
        " stores Amazon's; `theseller secrets check` says more."
    )
    found = (
        f"can't be read: {', '.join(missing)}"
        if missing
        else f"all can be read, in {choice.provider}"
    )
    return Finding("secrets", found, failed=bool(missing), advice=advice)


def _key_store(state: Path) -> Finding:
    choice = secret_config(state)
    keys = make_key_store(choice, make_secret_provider(choice, os.environ), os.environ).list()
    return Finding(
        "key store",
        f"answers, in {choice.key_store}: {sum(not one.destroyed for one in keys)} live keys",
    )


def _mail(state: Path) -> Finding:
    del state
    mail = read_mail_settings(os.environ, read_environment_kind(os.environ))
    if mail.server is None:
        where = (
            "goes to the inbox page of this demo"
            if mail.mode is MailMode.INBOX
            else "is not sent: THESELLER_MAIL_URL names no server"
        )
    else:
        where = f"goes to {mail.server.host}:{mail.server.port}, from {mail.sender}"
    return Finding("mail", where)


def _backups(state: Path) -> Finding:
    from theseller.backups.storage_targets import TargetError, make_target

    where = read_backups(os.environ, state=state)
    if not where:
        return Finding(
            "backups",
            "TheSeller takes none here; check the backups of the database service",
            checked=False,
        )
    name = f"doctor-{uuid.uuid4().hex}"
    try:
        target = make_target(where)
        target.put(name, [b"theseller doctor"])
        target.delete(name)
    except TargetError as error:
        return Finding(
            "backups",
            str(error),
            failed=True,
            advice="Look at THESELLER_BACKUPS and the rights there.",
        )
    return Finding("backups", f"a file was written to {where} and deleted")


def _database(state: Path) -> Iterator[Finding]:
    del state
    from theseller.tenancy.database_startup_checks import ConnectionPoolerError

    try:
        setup_django("worker", schema=False)
        from django.db import connections

        try_connection()
        cursor = connections["default"].cursor()
    except CommandError as error:
        yield Finding("database", error.message, failed=True, advice=error.advice)
        return
    except ConnectionPoolerError as error:
        advice = "Web and worker refuse to start: correct DATABASE_URL."
        yield Finding("database", str(error), failed=True, advice=advice)
        return
    except Exception as error:  # noqa: BLE001
        yield _failed("database", error)
        return
    with cursor:
        checks = (
            _server,
            _connections,
            _schema,
            _host,
            _clock,
            _worker,
            _hosts,
            _queue,
            _deletions,
            _last_backup,
        )
        for check in checks:
            try:
                yield check(cursor)
            except Exception as error:  # noqa: BLE001
                yield _failed(check.__name__.strip("_"), error)


def _failed(what: str, error: Exception) -> Finding:
    failure = classify(error)
    if failure is not None:
        return Finding(what, failure.message, failed=True, advice=failure.advice)
    return Finding(what, describe(error), failed=True)


def _server(cursor: CursorWrapper) -> Finding:
    version, number, tls, remote = _row(
        cursor,
        "select current_setting('server_version'), current_setting('server_version_num')::int,"
        " (select coalesce(version, '') from pg_stat_ssl where pid = pg_backend_pid() and ssl),"
        " inet_server_addr() is not null",
    )
    way = (
        f"by {tls}"
        if tls
        else "without TLS, over the network"
        if remote
        else "on this machine's socket"
    )
    failed = number < VERSION_MIN or (remote and not tls)
    advice = f"PostgreSQL {VERSION_MIN // 10_000} or newer is needed, with TLS over a network."
    return Finding(
        "database",
        f"PostgreSQL {version}, reached as theseller_worker {way}",
        failed=failed,
        advice=advice,
    )


def _connections(cursor: CursorWrapper) -> Finding:
    allowed, used = _row(
        cursor,
        "select current_setting('max_connections')::int -"
        " current_setting('superuser_reserved_connections')::int, (select count(*) from"
        " pg_stat_activity where backend_type = 'client backend')",
    )
    needed = connections_of_deployment()
    found = (
        f"{used} of {allowed} in use; {WEB_PROCESSES} web processes and a worker, as they start by"
        f" default, take up to {needed}"
    )
    advice = "Raise max_connections there (docs/operate/settings.md, Connections)."
    return Finding("connections", found, failed=allowed < needed or used >= allowed, advice=advice)


def _schema(_cursor: CursorWrapper) -> Finding:
    from django.db import connections

    from theseller.tenancy.database_startup_checks import refuse_unsafe_database
    from theseller.tenancy.schema_release import RELEASE, stated_release
    from theseller.tenancy.schema_version_check import refuse_other_schema

    try:
        refuse_unsafe_database()
        refuse_other_schema()
    except RuntimeError as error:
        return Finding(
            "schema",
            str(error),
            failed=True,
            advice="Run `theseller migrate` of the version that is to serve.",
        )
    environment = read_environment_kind(os.environ)
    stated = stated_release(connections["default"])
    if stated is not None and stated.is_newer:
        return Finding(
            "schema",
            f"of the environment {environment} and of release {stated.release}, on which release"
            f" {RELEASE} may run: erasures, restore tests and the comparison of the schema wait for"
            " the newer version",
        )
    return Finding(
        "schema", f"of this version (release {RELEASE}) and of the environment {environment}"
    )


def _host(_cursor: CursorWrapper) -> Finding:
    from theseller.tenancy.state_folder_identity import (
        OtherHostError,
        folder_identity,
        refuse_other_host,
    )

    state = state_folder(os.environ)
    if not stores_keys_on_this_host_only(state):
        return Finding(
            "host",
            "not checked: secrets and keys are in a service, or the database is this folder's own",
            checked=False,
        )
    try:
        refuse_other_host(folder_identity(state))
    except OtherHostError as error:
        return Finding(
            "host",
            str(error),
            failed=True,
            advice="Stop this host's processes, or give all hosts one key service.",
        )
    return Finding(
        "host", "secrets and keys are in this state folder, and the database knows no other"
    )


def _deletions(cursor: CursorWrapper) -> Finding:
    number, oldest = _row(cursor, _LATE, [_CERTIFICATE_HOURS_MAX])
    failing, since, retry_at, reason = _row(cursor, _FAILING)
    found = (
        f"{number} erasure(s) not certified {_CERTIFICATE_HOURS_MAX} h after the request, the"
        f" oldest {oldest or 0:.0f} h"
        if number
        else "none is late"
    )
    advice = (
        "`theseller deletion-request list` shows each, and the worker's log: look for"
        " `erasure_failed`."
    )
    if failing:
        found += (
            f"; {failing} fail(s), the longest since {since:%Y-%m-%d %H:%M} UTC, tried again at"
            f" {retry_at:%H:%M:%S}: {reason}"
        )
    return Finding("deletions", found, failed=bool(number or failing), advice=advice)


def _clock(cursor: CursorWrapper) -> Finding:
    from theseller.tenancy.host_reports_and_clocks import clock_ahead
    from theseller.tenancy.host_types import CLOCK_SECONDS_MAX

    apart = abs(clock_ahead(cursor.db))
    return Finding(
        "clock",
        f"{apart:.1f} s from the database's",
        failed=apart > CLOCK_SECONDS_MAX,
        advice="Let both machines follow a time server. No worker runs on this one meanwhile.",
    )


def _hosts(_cursor: CursorWrapper) -> Finding:
    from theseller.operators.deployment_status.host_status_lines import host_problems
    from theseller.tenancy.host_reports_and_clocks import hosts

    found = hosts()
    problems = host_problems(found)
    names = sorted({one.name for one in found})
    return Finding(
        "hosts",
        "; ".join(map(str, problems)) or ", ".join(names) or "none has reported",
        failed=bool(problems),
        advice="docs/operate/several-machines.md says what each means.",
    )


def _worker(cursor: CursorWrapper) -> Finding:
    number, silent = _row(cursor, _WORKERS)
    if not number or silent > _WORKER_SILENCE_SECONDS:
        return Finding(
            "worker",
            "none runs" if not number else f"the last one was silent for {silent:.0f} s",
            failed=True,
            advice=_START_WORKER,
        )
    return Finding("worker", f"{number} known, the last heartbeat {max(0.0, silent):.0f} s ago")


def _queue(cursor: CursorWrapper) -> Finding:
    number, oldest = _row(cursor, _WAITING)
    return Finding(
        "queue",
        f"{number} job(s) wait, the oldest for {oldest:.0f} s",
        failed=oldest > _QUEUE_WAIT_SECONDS_MAX,
        advice=_START_WORKER,
    )


def _last_backup(cursor: CursorWrapper) -> Finding:
    if not read_backups(os.environ, state=state_folder(os.environ)):
        return Finding("last backup", "TheSeller takes none here", checked=False)
    age, tested, passed, deployed = _row(cursor, _LAST_BACKUP)
    if age is None:
        found = f"there is none; this deployment was made {deployed or 0:.0f} h ago"
    else:
        found = f"{age:.0f} h old"
        found += f"; a restore test passed {tested:.0f} h ago" if tested is not None else ""
        found += "; the last restore test FAILED" if passed is False else ""
    return Finding(
        "last backup",
        found,
        # The worker takes the first one soon after the deployment was made.
        failed=(deployed or 0) > 1 if age is None else age > BACKUP_HOURS + 2 or passed is False,
        advice="`theseller backup list` shows each, and the worker's log says why one failed.",
    )


def _row(cursor: CursorWrapper, query: str, parameters: list[Any] | None = None) -> tuple[Any, ...]:
    cursor.execute(query, parameters)
    return tuple(cursor.fetchone() or ())
