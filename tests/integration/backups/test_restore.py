"""A backup from before deletions is restored without the deleted rows and with every other row.

At no instant can a deleted seller's row be read.

One deployment and one backup for the whole module, in the order in which an operator would meet it.
"""

from __future__ import annotations

import contextlib
import json
import os
import random
import re
import secrets
import shutil
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

import psycopg
import pytest
from tests import preloaded
from tests.demo_deployment import ROOT
from tests.integration.deployment import WITH_DJANGO, Deployment

from theseller.audit.event_types import Tag
from theseller.backups.restore import FOLDER
from theseller.postgres.binaries import find_binaries
from theseller.postgres.errors import ServerFailedError
from theseller.postgres.server import Server
from theseller.postgres.server_folders import saved_layout
from theseller.postgres.swap_data_dir import swap_pending

pytestmark = pytest.mark.timeout(900)
#: Between two rounds of the watcher, in seconds: without one it takes the machine away from what it
#: watches.
_PAUSE = 0.05
#: A boundary that no restore has.
_NEVER = 10**9
ROLES = ("web", "worker", "retention", "probe", "backup", "migrate")
#: Opens a connection with a token, or one of imported files, which has no key; and lets three rows
#: come of it.
OPEN = """
from uuid import UUID
from django.db import connections
from tests.integration.fill_deployment import TOKEN
from theseller.connections import refresh_token_store
from theseller.lib import clock
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope
tenant, connection, origin, store = UUID(sys.argv[1]), UUID(sys.argv[2]), sys.argv[3], sys.argv[4]
at = clock.now()
with tenant_scope(tenant), connections["default"].cursor() as cursor:
    seller = "A" + connection.hex[:12].upper() if origin == "lwa" else ""
    cursor.execute(
        "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
        " marketplace_ids, features, roles, created_at)"
        " values (%s, %s, %s, 'na', %s, %s, '{}', '{}', %s)",
        [tenant, connection, origin, seller, [store], at])
    if origin == "lwa":
        refresh_token_store.store_token(tenant, connection, Secret(TOKEN), at=at)
"""
#: Ends connections and has everything of them erased and certified.
DELETE = """
from uuid import UUID
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.lib import clock
from theseller.erasure.connection_erasure import erase_connection
for pair in sys.argv[1:]:
    tenant, connection = map(UUID, pair.split("/"))
    disconnect(
        connection=connection, reason=DisconnectReason.SELLER_REQUEST,
        tenant=tenant, actor="process:test", at=clock.now(),
    )
    assert erase_connection(connection=connection, tenant=tenant, at=clock.now()).completed
"""
#: Certifies what was erased, and prints the certificates.
CERTIFY = """
import json
from uuid import UUID
from theseller.lib import clock
from theseller.erasure.connection_erasure import erase_connection
from theseller.erasure.queries import connection_certificate
from theseller.tenancy.tenant_scope import tenant_scope
said = []
for pair in sys.argv[1:]:
    tenant, connection = map(UUID, pair.split("/"))
    assert erase_connection(connection=connection, tenant=tenant, at=clock.now()).completed
    with tenant_scope(tenant, using="retention"):
        said.append(json.loads(connection_certificate(connection, using="retention")[1])["body"])
print(json.dumps(said))
"""
#: Has all WAL until now kept with the newest backup.
KEEP = """
import time
from theseller.backups.operations import keep_wal
from theseller.backups.backup_configuration import backup_context
source = backup_context().source
segment = source.current_segment()
source._ask("select pg_switch_wal()::text")
while not (source.archive / segment).exists():
    time.sleep(0.05)
print(keep_wal(backup_context()))
"""


@dataclass
class Story:
    """`deleted`: connections that ended after the backup, by what is known of them outside the database."""

    deployed: Deployment
    deleted: dict[str, tuple[str, str]] = field(default_factory=dict)
    kept: tuple[str, str] = ("", "")
    backup: str = ""
    instant: str = ""
    recovered: Path = Path()

    def export_state(self) -> None:
        """Export the state folder into `recovered`, with the recovery key beside it."""
        made = self.deployed.theseller("state", "new-key", str(self.recovered / "key"))
        assert made.returncode == 0, made.stderr
        name, _, public = made.stdout.strip().split("\n")[-1].partition("=")
        self.deployed.environ[name] = public
        done = self.deployed.theseller("state", "export", str(self.recovered / "export"))
        assert done.returncode == 0, done.stderr
        assert "The backups are inside of the state folder" in done.stdout

    def put(self, pair: tuple[str, str], store: str, sku: str) -> None:
        self.deployed.rows(
            "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin,"
            " title, updated_at)"
            " values (%s, %s, %s, %s, 'B0BRUSH001', 'Brush', now()) returning sku",
            pair[0], store, sku, pair[1],
        )  # fmt: skip

    def skus(self, connection: str) -> list[str]:
        return [
            row[0]
            for row in self.deployed.rows(
                "select sku from ingest_product where connection_id = %s order by 1", connection
            )
        ]

    def deletions_checked(self) -> None:
        """Whatever ended has no row, no token and no open connection, and the others have theirs."""
        for result, (_, connection) in self.deleted.items():
            assert self.skus(connection) == [], (
                f"rows of the connection known by {result} came back"
            )
            ended = self.deployed.rows(
                "select 1 from connections_disconnection where connection_id = %s", connection
            )
            assert ended, f"the connection known by {result} is open again"


@pytest.fixture(scope="module")
def story(deployed: Deployment, tmp_path_factory: pytest.TempPathFactory) -> Story:
    """Take a backup of two shops, then delete three connections.

    Of one only the tombstone is left, of another only the ledger.
    """
    alice, charlie = (person["tenant"] for person in deployed.people())
    result = Story(deployed, recovered=tmp_path_factory.mktemp("recovered"))
    result.deleted = {
        "ledger and tombstone": (alice, str(uuid4())),
        "its tombstone": (charlie, str(uuid4())),
        "the ledger": (alice, str(uuid4())),
    }
    result.kept = (charlie, str(uuid4()))
    stores = ("A1PA6795UKMFR9", "A1F83G8C2ARO7P", "A13V1IB3VIYZZH", "ATVPDKIKX0DER")
    for pair, store in zip([*result.deleted.values(), result.kept], stores, strict=True):
        origin = "files" if pair is result.deleted["the ledger"] else "lwa"
        deployed.ask(OPEN, *pair, origin, store, role="web")
        for number in range(3):
            result.put(pair, store, f"ROW-{number}")
    assert deployed.theseller("audit", "seal").returncode == 0
    taken = deployed.theseller("backup", "now")
    assert taken.returncode == 0, taken.stdout + taken.stderr
    result.backup = taken.stdout.split()[0]
    result.export_state()
    deployed.ask(DELETE, *("/".join(pair) for pair in result.deleted.values()))
    result.put(result.kept, stores[-1], "ROW-3")
    result.instant = deployed.rows("select clock_timestamp()")[0][0].isoformat()
    result.put(result.kept, stores[-1], "ROW-4")
    assert deployed.theseller("audit", "seal").returncode == 0
    assert int(deployed.ask(KEEP)) > 0
    result.put(
        result.kept, stores[-1], "ROW-5"
    )  # in no backup: only in what the former database still holds
    (deployed.state / "erasures" / f"{result.deleted['its tombstone'][1]}.json").unlink()
    assert all(result.skus(pair[1]) == [] for pair in result.deleted.values())
    return result


@dataclass
class Watch:
    """Who got in where while a restore ran, and how often each socket was tried."""

    entered: set[str] = field(default_factory=set)
    tries: dict[str, int] = field(default_factory=dict)
    hidden: int = 0


@contextlib.contextmanager
def watching(deployed: Deployment) -> Iterator[Watch]:
    """Try every way in as every role of the services, again and again, for the length of the block."""
    seen, over = Watch(), threading.Event()
    passwords = {role: deployed.secret(f"db-{role}") for role in ROLES}

    def poll() -> None:
        while not over.wait(_PAUSE):
            for place in [*_sockets(deployed.state), "127.0.0.1"]:
                for role, password in passwords.items():
                    _try(place, role, password, seen)
            # A reader of the quarantine's own files would know its name: the role that faces the
            # world gets in nowhere even so.
            for place, database in _hidden(deployed.state):
                seen.hidden += 1
                for role in ("web", "backup"):
                    _try(place, role, passwords[role], seen, database)

    watcher = threading.Thread(target=poll)
    watcher.start()
    try:
        yield seen
    finally:
        over.set()
        watcher.join()


def _sockets(state: Path) -> list[str]:
    folders = set()
    for one in (state, state / FOLDER):
        with contextlib.suppress(ServerFailedError, OSError):
            layout = saved_layout(one)
            if layout is not None:
                folders.add(str(layout.run))
    with contextlib.suppress(OSError):
        folders |= {str(path.parent) for path in state.rglob(".s.PGSQL.5432")}
    return sorted(folders)


def _hidden(state: Path) -> list[tuple[str, str]]:
    """Return (socket folder, database) of a quarantine under the name that it keeps to itself."""
    with contextlib.suppress(ServerFailedError, OSError):
        layout = saved_layout(state / FOLDER)
        named = (
            re.search(r"quarantine_[0-9a-f]+", (layout.home / "pg_hba.conf").read_text())
            if layout
            else None
        )
        if layout and named:
            return [(str(layout.run), named.group())]
    return []


def _try(place: str, role: str, password: str, seen: Watch, database: str = "theseller") -> None:
    seen.tries[place] = seen.tries.get(place, 0) + 1
    with contextlib.suppress(psycopg.OperationalError):
        psycopg.connect(
            host=place,
            port=5432,
            user=f"theseller_{role}",
            password=password,
            dbname=database,
            connect_timeout=2,
        ).close()
        seen.entered.add(f"{role} at {place}")


def restore(deployed: Deployment, *arguments: str) -> str:
    """Stop the server, restore under watch, start it again; return what the command said."""
    deployed.server.stop()
    with watching(deployed) as seen:
        done = deployed.theseller("restore", *arguments)
    assert done.returncode == 0, done.stdout + done.stderr
    assert seen.entered == set(), "a role of the services got in before the restore was done"
    assert len(seen.tries) > 2, "the quarantine was never found by the watcher"
    assert sum(seen.tries.values()) > 50
    assert seen.hidden > 10, "no attempt used the quarantine's own name"
    assert not (deployed.state / FOLDER).exists()
    deployed.server.ensure_started()
    return done.stdout


def test_restore_on_a_new_host_from_an_export_repeats_erasures_since(story: Story) -> None:
    """The export knows none of the three deletions: it was made before them, the WAL after."""
    deployed, home = story.deployed, Path(tempfile.mkdtemp(prefix="ts-moved-"))
    home.chmod(0o711)
    moved = home / "state"
    environ = deployed.environ | {
        "THESELLER_STATE": str(moved),
        "THESELLER_BACKUPS": str(deployed.state / "backups"),
    }
    try:
        source, key = (str(story.recovered / name) for name in ("export", "key"))
        said = ""
        for arguments in (["state", "import", source, "--key", key], ["restore"]):
            done = preloaded.run(["-m", "theseller.cli.main", *arguments], environ=environ)
            assert done.returncode == 0, done.stdout + done.stderr
            said += done.stdout
        assert "2 keys of connections that had ended were alive" in said
        password = (moved / "secrets" / "db-superuser").read_text().strip()
        server = Server(
            moved,
            binaries=find_binaries(os.environ),
            superuser_password=password,
            durable=False,
            purpose="tests",
        )
        with server.running(), psycopg.connect(server.superuser_dsn("theseller")) as connection:
            kept, *deleted = (
                connection.execute(
                    "select count(*) from ingest_product where connection_id = %s", [pair[1]]
                ).fetchone()
                for pair in (story.kept, *story.deleted.values())
            )
        assert (kept, deleted) == ((5,), [(0,)] * 3)
    finally:
        layout = saved_layout(moved)
        if layout is not None:
            shutil.rmtree(layout.home, ignore_errors=True)
        shutil.rmtree(home, ignore_errors=True)


def test_a_restore_is_refused_while_the_database_runs(story: Story) -> None:
    done = story.deployed.theseller("restore")
    assert done.returncode == 1
    assert "is run by process" in done.stderr


def test_programs_of_another_version_take_no_backup(
    story: Story, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Compare versions with the server, not with the programs that this shell finds.

    A backup by programs of another version could not be checked or restored.
    """
    for name in ("postgres", "initdb"):
        program = tmp_path / name
        program.write_text("#!/bin/sh\necho 'postgres (PostgreSQL) 16.1'\n")
        program.chmod(0o755)
    before = story.deployed.rows("select id from retention_backup where finished_at is not null")
    (served,) = story.deployed.rows("select split_part(current_setting('server_version'), ' ', 1)")[
        0
    ]
    monkeypatch.setitem(story.deployed.environ, "THESELLER_PG_BIN", str(tmp_path))
    done = story.deployed.theseller("backup", "now")
    assert done.returncode == 1, done.stdout
    result = (
        f"the database is served by PostgreSQL {served}, and the programs here are 16.1: point"
        " THESELLER_PG_BIN to PostgreSQL"
    )
    assert result in done.stdout + done.stderr
    assert (
        story.deployed.rows("select id from retention_backup where finished_at is not null")
        == before
    )


#: Arguments, variables, and what the refusal says.
_IMPOSSIBLE: list[tuple[list[str], dict[str, str], str]] = [
    (["01a00000-0000-7000-8000-000000000000"], {}, "there is no readable backup"),
    (["--until", "yesterday"], {}, "--until takes `backup-time` or a time"),
    (["--until", "2026-11-23T14:00"], {}, "--until needs a time zone"),
    (["--until", "2099-01-01T00:00Z"], {}, "recover"),
    ([], {"THESELLER_BACKUPS": "/nowhere/at/all"}, "no backup here can be read"),
    ([], {"THESELLER_BACKUPS": "none"}, "takes no backups itself"),
    ([], {"THESELLER_ENV": "staging"}, ""),
    ([], {"DATABASE_URL": "postgresql://example.invalid/x"}, "Restore it by its own service"),
]


def test_impossible_restores_are_refused_with_a_message_and_change_nothing(story: Story) -> None:
    deployed = story.deployed
    deployed.server.stop()
    for arguments, environment, says in _IMPOSSIBLE:
        with pytest.MonkeyPatch.context() as patch:
            for name, value in environment.items():
                patch.setitem(deployed.environ, name, value)
            done = deployed.theseller("restore", *arguments)
        assert done.returncode == 1, (arguments, environment, done.stdout + done.stderr)
        assert says in done.stderr
        assert not re.search(r"Traceback|unexpectedly", done.stderr), done.stderr
        assert not (deployed.state / FOLDER).exists()
        assert not swap_pending(deployed.state)
    deployed.server.ensure_started()
    assert story.skus(story.kept[1])[-1] == "ROW-5"


def test_restore_without_until_recovers_every_row(story: Story) -> None:
    said = restore(story.deployed)
    assert story.backup in said
    story.deletions_checked()
    assert story.skus(story.kept[1]) == [f"ROW-{number}" for number in range(6)]
    verified = story.deployed.theseller("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr


def test_a_restore_to_an_instant_has_the_rows_of_that_instant(story: Story) -> None:
    said = restore(story.deployed, story.backup, "--until", story.instant)
    assert "restored" in said
    story.deletions_checked()
    assert story.skus(story.kept[1]) == [f"ROW-{number}" for number in range(4)]


def test_a_restore_to_the_backup_time_has_no_deleted_rows(story: Story) -> None:
    said = restore(story.deployed, story.backup, "--until", "backup-time")
    assert "3 connections that were closed later were closed and erased again" in said
    story.deletions_checked()
    assert story.skus(story.kept[1]) == [f"ROW-{number}" for number in range(3)]


def test_the_proof_is_given_by_the_deployment_and_not_in_the_quarantine(story: Story) -> None:
    """Certify after the restore, by the recurring job of the deployment.

    A certificate says which backups are affected, and only the deployment knows.
    """
    pairs = list(story.deleted.values())
    assert story.deployed.rows("select subject_id from erasure_certificate") == []
    assert story.deployed.rows(
        "select subject_id from erasure_erasure where erased_at is not null and completed_at is"
        " null"
    )
    said = json.loads(story.deployed.ask(CERTIFY, *("/".join(pair) for pair in pairs)))
    assert [one["backups"]["kept_elsewhere"] for one in said] == [""] * len(pairs)
    assert all(
        story.backup in {backup["backup"] for backup in one["backups"]["affected"]} for one in said
    )


def test_audit_restored_records_lost_lines_after_a_restore(story: Story) -> None:
    deployed = story.deployed
    assert deployed.theseller("audit", "verify").returncode == 1
    answer = deployed.theseller(
        "audit", "record-restore", "--reason", "the backup of before the deletions, for a test"
    )
    assert answer.returncode == 0, answer.stdout + answer.stderr
    assert deployed.theseller("audit", "seal").returncode == 0
    verified = deployed.theseller("audit", "verify")
    assert verified.returncode == 0, verified.stdout + verified.stderr
    assert deployed.rows("select 1 from audit_event where tag = %s", Tag.DATABASE_RESTORED.value)


def test_restore_killed_before_or_during_the_folder_swap_can_be_completed(story: Story) -> None:
    deployed = story.deployed
    deployed.server.stop()
    assert _killed(deployed, story.backup, 1) == "recovered"
    assert not swap_pending(deployed.state)
    assert _killed(deployed, story.backup, 4) == "set aside"
    assert swap_pending(deployed.state)
    with pytest.raises(ServerFailedError, match="restore was interrupted"):
        deployed.server.ensure_started()
    done = deployed.python("tests.integration.backups.killed_restores", story.backup, str(_NEVER))
    assert done.returncode == 0, done.stdout + done.stderr
    deployed.server.ensure_started()
    story.deletions_checked()
    assert story.skus(story.kept[1]) == [f"ROW-{number}" for number in range(3)]


@pytest.mark.exhaustive
def test_restore_killed_at_every_step_can_be_completed(story: Story) -> None:
    deployed = story.deployed
    deployed.server.stop()
    steps: list[str] = []
    for number in range(
        3
    ):  # before the exchange every run starts over, so that each is killed one step later
        steps.append(_killed(deployed, story.backup, number))
        assert not swap_pending(deployed.state)
    while True:
        # Going on with an exchange, the first step that is left; emptying the archive is done
        # again.
        steps.append(
            _killed(
                deployed,
                story.backup,
                int(steps[-1] == "archive emptied") if swap_pending(deployed.state) else 3,
            )
        )
        if not swap_pending(deployed.state):
            break
        with pytest.raises(ServerFailedError, match="restore was interrupted"):
            deployed.server.ensure_started()
    assert steps == [
        "laid out",
        "recovered",
        "replayed",
        "noted",
        "set aside",
        "put in place",
        "archive emptied",
        "exchanged",
    ], steps
    said = restore(deployed, story.backup, "--until", "backup-time")
    assert "3 connections" in said
    story.deletions_checked()
    assert story.skus(story.kept[1]) == [f"ROW-{number}" for number in range(3)]


@pytest.mark.exhaustive
def test_restore_killed_at_random_times_can_be_completed(story: Story) -> None:
    """Kill as in the test before, but at random instants.

    In the middle of a file's bytes, of the recovery, of an erasure.
    """
    deployed, rounds = story.deployed, 2 * int(os.environ.get("THESELLER_KILLS_MORE") or 1)
    seed = int(os.environ.get("THESELLER_KILLS_SEED") or secrets.randbits(32))
    chance = random.Random(seed)  # noqa: S311
    deployed.server.stop()
    begun = time.monotonic()
    done = deployed.python("tests.integration.backups.killed_restores", story.backup, str(_NEVER))
    whole = time.monotonic() - begun
    assert done.returncode == 0, done.stdout + done.stderr
    killed = going_on = 0
    for _ in range(rounds):
        with contextlib.suppress(subprocess.TimeoutExpired):
            _restoring(deployed, story.backup, chance.uniform(0, whole * 1.1))
            continue
        killed += 1
        if swap_pending(deployed.state):
            going_on += 1
            with pytest.raises(ServerFailedError, match="restore was interrupted"):
                deployed.server.ensure_started()
            continue
        deployed.server.ensure_started()
        story.deletions_checked()
        assert story.skus(story.kept[1]) == [f"ROW-{number}" for number in range(3)]
        deployed.server.stop()
    sys.stdout.write(
        f"restore: {killed} kills in {rounds} rounds of {whole:.1f} s, {going_on} during the"
        f" exchange, seed {seed}\n"
    )
    if swap_pending(deployed.state):
        assert (
            deployed.python(
                "tests.integration.backups.killed_restores", story.backup, str(_NEVER)
            ).returncode
            == 0
        )
    restore(deployed, story.backup, "--until", "backup-time")
    story.deletions_checked()
    assert story.skus(story.kept[1]) == [f"ROW-{number}" for number in range(3)]


def _restoring(deployed: Deployment, backup: str, seconds: float) -> None:
    """Restore in a process of its own; kill it after so long, which raises TimeoutExpired."""
    command = [
        sys.executable,
        "-c",
        WITH_DJANGO,
        "tests.integration.backups.killed_restores",
        backup,
        str(_NEVER),
    ]
    environ = deployed.environ | {"THESELLER_ROLE": "worker"}
    subprocess.run(
        command,
        cwd=ROOT,
        env=environ,
        timeout=seconds,
        check=True,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
    )


def _killed(deployed: Deployment, backup: str, number: int) -> str:
    done = deployed.python("tests.integration.backups.killed_restores", backup, str(number))
    assert done.returncode == -9, done.stdout + done.stderr
    return done.stdout.split("\n")[-2]
