"""A server whose administrator is no superuser, as managed services give one.

It may make roles and databases and nothing else.
"""

from __future__ import annotations

import json
import os
import subprocess
import textwrap
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
from tests import preloaded
from tests.demo_deployment import inherited_environ
from tests.integration.cli.external_cluster import ADMINISTRATOR, Cluster, external_cluster

import theseller.postgres
from theseller.cli import administrator_role_sql
from theseller.cli.external_postgres_inspection import VERSION_MIN_WITHOUT_SUPERUSER
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.postgres.privilege_comparison import (
    Difference,
    _lines,
    compare,
    expected_rights,
    read_rights,
)

_FILE = Path(theseller.postgres.__file__).parent / "sql" / "rights_without_superuser.txt"
_HEAD = """\
# What differs from rights.txt where no superuser prepared the database (decision 0023): rights that do not exist there (-), and others (+).
# Written by a test from a new database, never by hand:
# THESELLER_WRITE_DOCS=1 pytest tests/integration/cli/test_managed_database.py
"""
_DATABASE = "shopdata"
_ADMINISTRATORS = (ADMINISTRATOR, administrator_role_sql.ADMINISTRATOR)
#: Runs the checks of a process's start and two controls, and prints what they found.
_CHECKS = textwrap.dedent(
    """
    import json, os
    os.environ["DJANGO_SETTINGS_MODULE"] = "theseller.config.settings"
    import django
    django.setup()
    from django.conf import settings
    from django.db import connections
    for one in connections.settings.values():  # A busy machine may take longer to sign in.
        if "pool" in one["OPTIONS"]:
            one["OPTIONS"]["pool"]["timeout"] = 60
    from theseller.config.database_settings import served_aliases
    from theseller.controls.catalogue import (
        cred_least_privilege,
        cred_token_encryption,
        net_tenant_isolation,
    )
    from theseller.controls.probe_tools.probe_context import live_context
    from theseller.lib import clock
    from theseller.tenancy.database_startup_checks import refuse_unsafe_database
    found = {}
    if os.environ["THESELLER_ROLE"] == "web":
        from theseller.config.readiness import failed_parts
        for alias in served_aliases(settings.ENVIRONMENT.role):
            refuse_unsafe_database(alias)
        found["failed"] = sorted(failed_parts())
    else:
        refuse_unsafe_database()
        for control in (net_tenant_isolation, cred_least_privilege, cred_token_encryption):
            outcome = control.probe(live_context(clock.now()))
            found[control.CONTROL.id] = [type(outcome).__name__, str(outcome)]
    print(json.dumps(found))
    """
)


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    with external_cluster("scram-sha-256") as found:
        yield found


def _theseller(environ: dict[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run(["-m", "theseller.cli.main", *arguments], environ=environ)


def _checks(environ: dict[str, str], role: str) -> dict[str, list[str]]:
    answer = preloaded.run(["-c", _CHECKS], environ=environ | {"THESELLER_ROLE": role})
    assert answer.returncode == 0, answer.stderr
    found = json.loads(answer.stdout)
    assert isinstance(found, dict)
    return found


def _as(cluster: Cluster, state: Path, short: str) -> psycopg.Connection[tuple[object, ...]]:
    password = FileSecretProvider(state / "secrets").get(f"db-{short}").reveal()
    return psycopg.connect(
        host=str(cluster.socket), user=f"theseller_{short}", password=password, dbname=_DATABASE,
        autocommit=True,
    )  # fmt: skip


def _rights_written(found: tuple[str, ...]) -> None:
    """Write the file of differences from `rights.txt` if that is wanted."""
    if os.environ.get("THESELLER_WRITE_DOCS"):
        everywhere = set(_lines("rights.txt"))
        taken, given = sorted(everywhere - set(found)), sorted(set(found) - everywhere)
        lines = [f"- {line}" for line in taken] + [f"+ {line}" for line in given]
        _FILE.write_text(_HEAD + "\n".join(lines) + "\n")


def test_an_administrator_without_superuser_prepares_a_database_that_works(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.reset()
    state = tmp_path / "state"
    cluster.make_administrator()
    environ = cluster.environ(_DATABASE, state, admin=_administrator_of_ours(cluster))
    first = _theseller(environ, "migrate")
    if not _isolates(cluster):
        assert first.returncode == 1
        assert "Without a superuser, PostgreSQL 17 or newer is needed" in first.stderr
        assert _roles(cluster) == []
        return
    assert first.returncode == 0, first.stderr
    assert "created the roles of TheSeller" in first.stdout
    assert "the administrator is no superuser" in first.stdout
    administrators = ",".join(sorted(_ADMINISTRATORS))
    assert f"THESELLER_DATABASE_ADMINISTRATORS={administrators}\n" in first.stdout
    environ["THESELLER_DATABASE_ADMINISTRATORS"] = administrators
    again = _theseller(environ, "migrate", "--quiet")
    assert (again.returncode, again.stdout) == (0, ""), again.stderr
    _rights_are_the_reviewed_ones(cluster)
    del environ["THESELLER_ADMIN_URL"]
    # What `/readyz` says before the worker is started.
    assert _checks(environ, "web") == {"failed": ["worker"]}
    for name, (outcome, text) in _checks(environ, "worker").items():
        # There is no token yet; that the administrator may read them is no failure.
        expected = "Unknown" if name == "cred-token-encryption" else "Passed"
        assert outcome == expected, (name, text)
    _conditions_come_after_the_policies(cluster, state)
    before = FileSecretProvider(state / "secrets").get("db-web").reveal()
    rotated = _theseller(environ, "rotate", "db-web")
    assert rotated.returncode == 0, rotated.stderr
    assert FileSecretProvider(state / "secrets").get("db-web").reveal() != before
    assert _checks(environ, "web") == {"failed": ["worker"]}
    _usual_policies_are_refused(cluster, environ)


def _usual_policies_are_refused(cluster: Cluster, environ: dict[str, str]) -> None:
    """Put the policy of a database that a superuser prepared in the place of one."""
    cluster.execute(
        "drop policy ticket on guard.isolation_probe; create policy ticket on guard.isolation_probe"
        " as restrictive using (case when tenant_id = (select guard.ticket_tenant()) then true else"
        " false end)",
        _DATABASE,
    )
    web = preloaded.run(["-c", _CHECKS], environ=environ | {"THESELLER_ROLE": "web"})
    assert "UnsafeDatabaseRoleError: tenant isolation is not complete" in web.stderr


def _isolates(cluster: Cluster) -> bool:
    """Return whether isolation is complete on this version without a superuser."""
    ((version,),) = cluster.execute("select current_setting('server_version_num')::int")
    return int(str(version)) >= VERSION_MIN_WITHOUT_SUPERUSER


def _roles(cluster: Cluster) -> list[tuple[object, ...]]:
    return cluster.execute("select from pg_roles where starts_with(rolname, 'theseller_')")


def _administrator_of_ours(cluster: Cluster) -> str:
    """Have the service's administrator run the SQL of `postgres administrator-sql`, twice."""
    printed = preloaded.run(
        ["-m", "theseller.cli.main", "postgres", "administrator-sql"], environ=inherited_environ()
    )
    assert printed.returncode == 0, printed.stderr
    with psycopg.connect(
        cluster.admin("postgres", ADMINISTRATOR), autocommit=True
    ) as administrator:
        for _ in range(2):
            administrator.execute(printed.stdout.encode())
    return cluster.with_password(administrator_role_sql.ADMINISTRATOR)


def _rights_are_the_reviewed_ones(cluster: Cluster) -> None:
    with psycopg.connect(cluster.admin(_DATABASE)) as connection, connection.cursor() as cursor:
        found = read_rights(cursor, administrators=_ADMINISTRATORS)
    _rights_written(found)
    expected = expected_rights(external=True, superuser=False)
    assert compare(found, expected) == Difference((), ()), "if that is meant, see the file's head"
    assert not any("superuser" in line or "row security does not bind" in line for line in found)


def _conditions_come_after_the_policies(cluster: Cluster, state: Path) -> None:
    """Try what costs the planner nothing, and what answers for any row."""
    for short in ("web", "worker", "retention", "pii"):
        with _as(cluster, state, short) as connection:
            connection.execute("set enable_indexscan = off; set enable_bitmapscan = off")
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="no tenant scope"):
                connection.execute(
                    "select from guard.isolation_probe where (array[tenant_id])[2] is not null"
                )
            with pytest.raises(psycopg.errors.InsufficientPrivilege, match="permission denied"):
                connection.execute("select currtid2('guard.isolation_probe', '(0,1)')")


@pytest.mark.parametrize(
    ("attributes", "message"),
    [("createrole", "may not make roles and databases"), ("createdb", "may not make roles")],
)
def test_an_administrator_who_may_not_make_roles_and_databases_is_refused(
    cluster: Cluster, tmp_path: Path, attributes: str, message: str
) -> None:
    cluster.reset()
    answer = cluster.run(
        _DATABASE, tmp_path / "state", admin=cluster.make_administrator(attributes)
    )
    assert answer.returncode == 1
    assert message in answer.stderr or not _isolates(cluster)
    assert "Nothing was changed." in answer.stderr
    assert _roles(cluster) == []


def test_roles_that_another_administrator_made_are_refused(
    cluster: Cluster, tmp_path: Path
) -> None:
    cluster.reset()
    cluster.execute("create role theseller_owner")
    answer = cluster.run(_DATABASE, tmp_path / "state", admin=cluster.make_administrator())
    assert answer.returncode == 1
    reason = f"{ADMINISTRATOR} of THESELLER_ADMIN_URL did not make the roles theseller_owner"
    assert reason in answer.stderr or not _isolates(cluster)
