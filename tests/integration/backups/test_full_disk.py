"""A full disk: what can't be written is refused with the reason, and nothing is half done.

It works again when there is space.
"""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from tests.integration.deployment import Deployment, deployment

pytestmark = pytest.mark.timeout(300)


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    with deployment(archiving=True) as built:
        yield built


#: No file of this process may grow: each write fails as on a full disk, from the first byte on or
#: after some.
_SET_UP = """
import json, resource, signal, sys
from contextlib import contextmanager
from uuid import UUID, uuid4
from django.conf import settings
from theseller.audit.command_line_action_file import record_command_line_action, import_command_line_actions
from theseller.audit.checkpointing import seal
from theseller.audit.event_types import Tag
from theseller.audit.log_verification import complete_and_verify
from theseller.connections.operations import disconnect
from theseller.connections.types import DisconnectReason
from theseller.crypto.errors import KeyStoreError
from theseller.crypto.key_types import Purpose
from theseller.lib import clock
from theseller.lib.state_file_names import FULL, UNFINISHED_PREFIX
from theseller.erasure.journal import Journal, read_key_store
from theseller.erasure.journal_files import read_all
from theseller.erasure.types import JournalEntry, SubjectKind

state, keys = settings.ENVIRONMENT.state, settings.KEY_STORE
free = int(sys.argv[1])
signal.signal(signal.SIGXFSZ, signal.SIG_IGN)

@contextmanager
def full():
    hard = resource.getrlimit(resource.RLIMIT_FSIZE)[1]
    resource.setrlimit(resource.RLIMIT_FSIZE, (free, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (hard, hard))

def refused(kinds, act):
    with full():
        try:
            act()
        except kinds as error:
            assert not isinstance(error, OSError) or error.errno in FULL, repr(error)
            return str(error)
    raise AssertionError("it was not refused")

def leftovers():
    return [path for path in state.rglob(UNFINISHED_PREFIX + "*") if "postgres" not in path.parts]
"""
_KEYS = """
key = keys.create(Purpose.AUDIT, "a-test")
known = keys.list()
for act in (lambda: keys.create(Purpose.AUDIT, "a-test"), lambda: keys.destroy(key.id)):
    assert "is full, and nothing was changed" in refused(KeyStoreError, act)
assert keys.list() == known and keys.get(key.id).material == key.material and not leftovers()
keys.destroy(key.id)
assert not keys.exists(key.id)
"""
_JOURNAL = """
CONNECTION = SubjectKind.CONNECTION
ended = JournalEntry(CONNECTION, uuid4(), clock.now(), uuid4(), DisconnectReason.SELLER_REQUEST)
journal = Journal(keys, state)
refused((KeyStoreError, OSError), lambda: journal.write(ended))
assert ended.id not in {one.id for one in read_all(state, CONNECTION)} and not leftovers()
assert free or ended.id not in read_key_store(keys).entries[CONNECTION]
journal.write(ended)
assert ended.id in read_key_store(keys).entries[CONNECTION]
assert ended in read_all(state, CONNECTION)
"""
_DISCONNECT = """
person = json.loads((state / "people.json").read_text())[0 if free else 1]
tenant, connection = UUID(person["tenant"]), UUID(person["connection"])
how = dict(
    connection=connection, reason=DisconnectReason.SELLER_REQUEST,
    tenant=tenant, actor="process:test", at=clock.now(),
)
from theseller.connections.queries import connection_view
from theseller.tenancy.tenant_scope import tenant_scope
from django.db import connections
def token():
    with tenant_scope(tenant), connections["default"].cursor() as cursor:
        cursor.execute(
            "select data_key_id from connections_refresh_token where connection_id = %s",
            [connection],
        )
        return cursor.fetchall()
before = token()
assert "is full" in refused(KeyStoreError, lambda: disconnect(**how))
with tenant_scope(tenant):
    assert connection_view(connection).is_open
assert token() == before and keys.exists(before[0][0])
assert disconnect(**how).first
assert token() == [] and not keys.exists(before[0][0])
"""
_AUDIT = """
record_command_line_action(state, Tag.ROTATION_FORCED, subject="a-test:1", at=clock.now())
acts = state / "audit" / "acts"
before = acts.read_bytes()
free = len(before) + free
refused(OSError, lambda: record_command_line_action(
    state, Tag.ROTATION_FORCED, subject="a-test:2", at=clock.now()
))
record_command_line_action(state, Tag.ROTATION_FORCED, subject="a-test:3", at=clock.now())
lines = acts.read_bytes().splitlines()
assert lines[0] == before.strip() and json.loads(lines[-1])["subject"] == "a-test:3"
import_command_line_actions(at=clock.now())
seal(at=clock.now())
copy = state / "audit" / "checkpoints"
known = copy.read_bytes()
record_command_line_action(state, Tag.ROTATION_FORCED, subject="a-test:4", at=clock.now())
import_command_line_actions(at=clock.now())
free = len(known) + free % 64
refused(OSError, lambda: seal(at=clock.now()))
assert copy.read_bytes().startswith(known)
seal(at=clock.now())
verdict = complete_and_verify(at=clock.now())
assert verdict.whole, verdict
"""
_BACKUP = """
from dataclasses import replace
from tests.integration.erasure.kills import LittleSource
from theseller.backups.operations import take
from theseller.retention.readable_backups import readable_backup_keys
from theseller.backups.types import UnavailableError
from theseller.backups.backup_configuration import backup_context
place = backup_context()
place = replace(place, source=LittleSource(place.source.archive.with_name("full-archive")))
living = readable_backup_keys(place.keys)
why = refused((UnavailableError, KeyStoreError), lambda: take(place, now=clock.now))
assert "no space left" in why or "is full" in why, why
assert (readable_backup_keys(place.keys), leftovers()) == (living, []), (
    readable_backup_keys(place.keys), leftovers()
)
place = replace(place, source=LittleSource(place.source.archive))
assert take(place, now=clock.now).finished_at is not None
"""


@pytest.mark.parametrize("free", [0, 40], ids=["no byte", "some bytes"])
@pytest.mark.parametrize("act", ["_KEYS", "_JOURNAL", "_DISCONNECT", "_AUDIT", "_BACKUP"])
def test_full_backup_disk_leaves_a_consistent_state_and_later_runs_succeed(
    deployed: Deployment, act: str, free: int
) -> None:
    deployed.ask(_SET_UP + globals()[act], str(free))
