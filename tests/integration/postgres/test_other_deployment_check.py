"""`theseller migrate` checks whose server and whose database it is before it changes anything.

Roles belong to the whole server.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from urllib.parse import quote

import psycopg
import pytest
from psycopg import sql
from tests import preloaded
from tests.demo_deployment import inherited_environ

from theseller.postgres.binaries import find_binaries
from theseller.postgres.other_deployment_check import (
    ForeignServerError,
    password_matches,
    refuse_foreign_roles,
)
from theseller.postgres.role_setup import LOGIN_ROLES
from theseller.postgres.server import Server
from theseller.tenancy.state_folder_identity import folder_identity

pytestmark = pytest.mark.timeout(600)
_REASON = "The first machine burned down; this one takes its place."


@dataclass(frozen=True, slots=True)
class External:
    """A server with a superuser of its own, as an operator's PostgreSQL service is."""

    server: Server

    def admin(self, database: str = "postgres") -> str:
        host = quote(str(self.server.socket_dir), safe="")
        return f"postgresql:///{database}?host={host}&user=postgres&password=super"

    def seen(self) -> tuple[object, ...]:
        """Return everything that a refused command must leave as it was.

        Roles with their verifiers, databases, what the guard knows.
        """
        with psycopg.connect(self.server.superuser_dsn(), autocommit=True) as connection:
            roles = connection.execute(
                "select a.*, s.setconfig from pg_authid a left join pg_db_role_setting s on"
                " s.setrole = a.oid order by a.oid"
            )
            found: list[object] = [
                roles.fetchall(),
                connection.execute("select datname, datacl from pg_database order by 1").fetchall(),
            ]
        with psycopg.connect(self.server.superuser_dsn("shop")) as connection:
            found += [
                connection.execute(f"select * from guard.{table}").fetchall()
                for table in ("deployment", "ticket_key")
            ]
        return tuple(found)

    def migrate(
        self, state: Path, *arguments: str, kind: str = "staging", database: str = "shop"
    ) -> subprocess.CompletedProcess[str]:
        environ = inherited_environ() | dict(_settings(kind))
        environ |= {
            "THESELLER_STATE": str(state),
            "DATABASE_URL": (
                f"postgresql:///{database}?host={quote(str(self.server.socket_dir), safe='')}"
            ),
            "THESELLER_ADMIN_URL": self.admin(
                "shop" if database == "shop" and self.has("shop") else "postgres"
            ),
        }
        return _theseller(environ, "migrate", "--quiet", *arguments)

    def serve(self, state: Path) -> subprocess.CompletedProcess[str]:
        """Run a command that works as every process that serves does: it checks the database first."""
        environ = {
            name: value for name, value in os.environ.items() if not name.startswith("THESELLER_")
        }
        address = {
            "DATABASE_URL": f"postgresql:///shop?host={quote(str(self.server.socket_dir), safe='')}"
        }
        return _theseller(
            environ | _settings("staging") | address | {"THESELLER_STATE": str(state)},
            "operator",
            "list",
        )

    def has(self, database: str) -> bool:
        with psycopg.connect(self.server.superuser_dsn(), autocommit=True) as connection:
            return (
                connection.execute(
                    "select from pg_database where datname = %s", [database]
                ).fetchone()
                is not None
            )


def _theseller(environ: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    return preloaded.run(["-m", "theseller.cli.main", *arguments], environ=environ)


def _settings(kind: str) -> dict[str, str]:
    return {
        "THESELLER_ENV": kind,
        "THESELLER_ALLOW_FILE_SECRETS": "yes",
        "THESELLER_PUBLIC_URL": "https://shop.example",
        "THESELLER_TRUSTED_PROXIES": "none",
        "DJANGO_SETTINGS_MODULE": "theseller.config.settings",
    }


@pytest.fixture(scope="module")
def external(tmp_path_factory: pytest.TempPathFactory) -> Iterator[External]:
    folder = tmp_path_factory.mktemp("server")
    for parent in (folder, *folder.parents[:2]):
        parent.chmod(0o711)
    server = Server(
        folder,
        binaries=find_binaries(os.environ),
        superuser_password="super",
        durable=False,
        purpose="tests",
    )
    server.ensure_started()
    with psycopg.connect(server.superuser_dsn(), autocommit=True) as connection:
        connection.execute("create role postgres superuser login password 'super'")
    try:
        yield External(server)
    finally:
        server.stop()


@pytest.fixture(scope="module")
def first(external: External, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return the state folder of the deployment whose server this is.

    Its first migrate finds a server without any role of ours.
    """
    state = tmp_path_factory.mktemp("first") / "state"
    with psycopg.connect(external.server.superuser_dsn(), autocommit=True) as connection:
        connection.execute("create role theseller_owner")
        connection.execute("create database shop owner theseller_owner")
    done = external.migrate(state)
    assert done.returncode == 0, done.stderr
    return state


def _refused(
    external: External, state: Path, *arguments: str, kind: str = "staging", database: str = "shop"
) -> str:
    before = external.seen()
    files = sorted(state.rglob("*")) if state.exists() else None
    done = external.migrate(state, *arguments, kind=kind, database=database)
    assert done.returncode != 0
    assert external.seen() == before, "a refused migrate changed the server"
    assert (sorted(state.rglob("*")) if state.exists() else None) == files, (
        "a refused migrate changed the state folder"
    )
    return done.stderr


def test_migrate_of_a_database_of_another_environment_is_refused(
    external: External, first: Path, tmp_path: Path
) -> None:
    """With secrets of its own or none yet, with --take-over or without: never."""
    state = tmp_path / "other"
    for arguments in ((), ("--take-over", "--reason", _REASON)):
        words = _refused(external, state, *arguments, kind="test")
        assert "belongs to the environment 'staging', and this process runs as 'test'" in words
    assert not state.exists()


@pytest.mark.parametrize("database", ["missing", "there"])
def test_migrate_on_the_server_of_another_deployment_is_refused(
    external: External, first: Path, tmp_path: Path, database: str
) -> None:
    if database == "there":
        with psycopg.connect(external.server.superuser_dsn(), autocommit=True) as connection:
            connection.execute("create database there")
    words = _refused(external, tmp_path / "other", kind="test", database=database)
    assert "have the passwords of another deployment" in words
    assert "Nothing was changed" in words


def test_migrate_with_an_empty_state_folder_is_refused_on_a_used_server(
    external: External, first: Path, tmp_path: Path
) -> None:
    words = _refused(external, tmp_path / "empty")
    assert "have the passwords of another deployment" in words
    assert not (tmp_path / "empty").exists()


def test_migrate_of_a_database_with_another_deployments_ticket_key_is_refused(
    external: External, first: Path
) -> None:
    """The server is ours, the database accepts another's tickets: it is not migrated unasked."""
    with psycopg.connect(external.server.superuser_dsn("shop"), autocommit=True) as connection:
        connection.execute(
            "update guard.ticket_key set inner_block = decode(repeat('ab', 64), 'hex')"
        )
        try:
            assert "accepts the tickets of another deployment" in _refused(external, first)
        finally:
            connection.execute("delete from guard.ticket_key")


def test_our_own_database_is_migrated_again_after_a_rotation_or_a_rename(
    external: External, first: Path
) -> None:
    """Recognize our database after changes.

    One password was replaced, another was being replaced when the machine stopped, and the database
    has another name.
    """
    secrets = first / "secrets"
    with psycopg.connect(external.server.superuser_dsn(), autocommit=True) as connection:
        for short in ("web", "worker"):
            fresh = secrets / f"db-{short}-next"
            fresh.write_text(f"fresh-{short}-0123456789\n")
            fresh.chmod(0o600)
            role = sql.Identifier(LOGIN_ROLES[short])
            connection.execute(
                sql.SQL("alter role {} password {}").format(
                    role, sql.Literal(fresh.read_text().strip())
                )
            )
        (secrets / "db-web-next").rename(secrets / "db-web")
        connection.execute("alter database shop rename to shop_of_old")
        try:
            done = external.migrate(first, database="shop_of_old")
        finally:
            connection.execute("alter database shop_of_old rename to shop")
    assert done.returncode == 0, done.stderr


def test_taking_over_needs_a_reason_and_is_recorded(
    external: External, first: Path, tmp_path: Path
) -> None:
    state = tmp_path / "second"
    words = _refused(external, state, "--take-over", "--reason", "too short")
    assert "needs a reason" in words
    done = external.migrate(state, "--take-over", "--reason", _REASON)
    assert done.returncode == 0, done.stderr
    assert _REASON in (state / "audit" / "acts").read_text()
    assert "have the passwords of another deployment" in _refused(external, first)
    # The former deployment's copy of the secrets is what brings it back.
    shutil.rmtree(state)
    done = external.migrate(first, "--take-over", "--reason", _REASON)
    assert done.returncode == 0, done.stderr


def test_a_newer_schema_is_refused_before_anything_is_done_or_written_down(
    external: External, first: Path, tmp_path: Path
) -> None:
    """Run an older program of ours, and one that must take over.

    No password is replaced, and the log names no act.
    """
    newer = "into django_migrations (app, name, applied) values ('retention', '9999_later', now())"
    other = tmp_path / "other"
    with psycopg.connect(external.server.superuser_dsn("shop"), autocommit=True) as connection:
        connection.execute(f"insert {newer}".encode())
        before = external.seen()
        try:
            for state, arguments in ((first, ()), (other, ("--take-over", "--reason", _REASON))):
                done = external.migrate(state, *arguments)
                assert done.returncode == 1
                assert (
                    "migrated by a newer version of TheSeller (unknown here: retention.9999_later)"
                    in done.stderr
                )
                assert external.seen() == before, "a refused migrate changed the server"
        finally:
            connection.execute("delete from django_migrations where name = '9999_later'")
    acts = other / "audit" / "acts"
    assert not acts.exists() or _REASON not in acts.read_text()


def test_a_copy_of_the_state_folder_is_noticed_before_it_is_used(
    external: External, first: Path, tmp_path: Path
) -> None:
    """Refuse a copied state folder: secrets and keys in files serve one host.

    A copy has the same secrets, and misses every key that is made later.
    """
    copy = tmp_path / "copy"
    shutil.copytree(first, copy)
    assert external.serve(first).returncode == 0
    refused = external.serve(copy)
    assert refused.returncode != 0
    assert "files serve one host" in refused.stderr
    assert "files serve one host" in _refused(external, copy)
    # What is copied by the documents has no mark at all.
    (copy / ".theseller-host").unlink()
    assert "files serve one host" in external.serve(copy).stderr

    done = external.migrate(copy, "--take-over", "--reason", _REASON)
    assert done.returncode == 0, done.stderr
    assert external.serve(copy).returncode == 0
    assert "files serve one host" in external.serve(first).stderr
    assert external.migrate(first, "--take-over", "--reason", _REASON).returncode == 0
    assert external.serve(first).returncode == 0


def test_folder_identity_does_not_change_when_the_folder_is_moved(tmp_path: Path) -> None:
    folder = tmp_path / "state"
    folder.mkdir()
    assert folder_identity(folder) == ""
    identity = folder_identity(folder, make=True)
    assert len(identity) == 64
    assert (
        folder_identity(folder.rename(tmp_path / "moved"))
        == identity
        == folder_identity(tmp_path / "moved", make=True)
    )


def test_an_administrator_who_may_not_read_passwords_proves_it_by_signing_in(
    external: External, first: Path
) -> None:
    """As with a managed database: its administrator is not a superuser."""
    with psycopg.connect(external.server.superuser_dsn(), autocommit=True) as connection:
        connection.execute("create role managed createdb createrole login password 'managed'")
    ours = (first / "secrets" / "db-worker").read_text().strip()
    with psycopg.connect(
        external.admin().replace("user=postgres&password=super", "user=managed&password=managed"),
        autocommit=True,
    ) as managed:
        refuse_foreign_roles(managed, {"web": ("wrong",), "worker": (ours,)}, secrets_at="x")
        with pytest.raises(ForeignServerError, match="passwords of another deployment"):
            refuse_foreign_roles(managed, {"web": ("wrong",), "worker": ("wrong",)}, secrets_at="x")


def test_password_matches_compares_scram_verifiers_like_postgresql(
    external: External, first: Path
) -> None:
    with psycopg.connect(external.server.superuser_dsn(), autocommit=True) as connection:
        connection.execute("create role compared login password 'right'")
        row = connection.execute(
            "select rolpassword from pg_authid where rolname = 'compared'"
        ).fetchone()
    assert row is not None
    assert password_matches(str(row[0]), "compared", "right")
    assert not password_matches(str(row[0]), "compared", "wrong")
    assert (
        password_matches("md5" + "c6b3c8bf3d4b3ad2a0b1f4c4cb66e4a8", "compared", "right") is False
    )
    for broken in (
        "",
        "SCRAM-SHA-256$0:AAAA$AAAA:AAAA",
        "SCRAM-SHA-256$4096:A$AAAA:AAAA",
        "SCRAM-SHA-256$99999999999:AAAA$AAAA:AAAA",
    ):
        assert not password_matches(broken, "compared", "right")
