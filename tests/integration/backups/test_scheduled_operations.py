"""What the recurring job does when something fails.

It reports one message, continues everything else, and tries again.
"""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.integration.deployment import Deployment

from theseller.config.state_export_settings import EXPORT_FOLDER, EXPORT_KEY
from theseller.crypto.recovery_key import new_recovery_key, public_recovery_key
from theseller.postgres.server_folders import saved_layout

pytestmark = pytest.mark.timeout(300)
#: A backup context with a source of a few bytes and a target that fails on request.
_SET_UP = """
import errno, shutil
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from django.conf import settings
from tests.integration.erasure.kills import LittleSource
from theseller.crypto.errors import KeyStoreError, ServiceState
from theseller.lib import clock
from theseller.backups.scheduled_operations import maintain_backups
from theseller.backups.operations import prune
from theseller.retention.readable_backups import readable_backup_keys
from theseller.backups.queries import backups
from theseller.backups.storage_targets import TargetError
from theseller.backups.backup_configuration import backup_context

place, state = backup_context(), settings.ENVIRONMENT.state

class Source(LittleSource):
    def mark(self, restore_point):
        LittleSource(self.archive)  # Its segment is finished now.
        return super().mark(restore_point)

place = replace(place, source=Source(place.source.archive.with_name("little-archive")))

class Failing:
    def __init__(self, target, error):
        self._error = error
        self.title, self.get = target.title, target.get
        self.names, self.delete = target.names, target.delete
    def put(self, name, content):
        next(iter(content))
        raise self._error

class NoKeys:
    def list(self):
        raise KeyStoreError("the service is away", ServiceState.UNREACHABLE)
    get = create = exists = destroy = record = lambda self, *_: self.list()

def at_work(place, minutes):
    at = clock.now() + timedelta(minutes=minutes)
    return maintain_backups(place, state, at=at, now=lambda: at)
"""
_FAILS = """
error = {
    "target": TargetError("the bucket answers AccessDenied: look at its policy"),
    "disk": OSError(errno.ENOSPC, "No space left on device", "x"),
}
broken = replace(place, target=Failing(place.target, error[sys.argv[1]]))
first = at_work(broken, 60)
assert len(first.failed) == 1, first
print(first.failed[0])
assert backups()[0].failed and not backups()[0].alive, backups()[0]
print(backups()[0].failed)
assert readable_backup_keys(place.keys) == (), "the key of a failed backup lives"
assert not at_work(broken, 60.5).failed, "it was tried again at once"
after = at_work(place, 62)
assert any(one.startswith("took ") for one in after.done), after
"""
_FROM_THE_FUTURE = """
assert any(one.startswith("took ") for one in at_work(place, 3 * 24 * 60).done)
assert any(one.startswith("took ") for one in at_work(place, 60).done), (
    "no backup is taken until the clock is where it was"
)
assert not any(one.startswith("took ") for one in at_work(place, 70).done)
"""
_NO_KEYS = """
found = at_work(replace(place, keys=NoKeys()), 60)
assert found.failed, found
assert set(found.failed[:2]) == {"the key store can't answer: the service is away"}, found
"""
_UNMOUNTED = """
at_work(place, 60)
whole = [entry.id for entry in readable_backup_keys(place.keys)]
assert whole
folder = Path(place.target.title)
folder.rename(folder.with_name("unmounted"))
folder.mkdir()
(folder / "of-someone-else").write_text("x")
assert prune(place, at=clock.now()) == ()
assert [entry.id for entry in readable_backup_keys(place.keys)] == whole, (
    "a disk that was not mounted cost a backup"
)
assert (folder / "of-someone-else").exists(), "someone else's file was deleted"
shutil.rmtree(folder)
folder.with_name("unmounted").rename(folder)
"""
_REPLACED = """
at_work(place, 1)
assert (Path(sys.argv[1])).exists(), "a database that was replaced just now is missing"
assert "removed 1 replaced databases" in at_work(place, 60 * 24 * 8).done
assert not (Path(sys.argv[1])).exists()
assert not (state / "restore").exists(), "what a killed restore left is still there"
"""


def _delete_backups(deployed: Deployment) -> None:
    """Have no backup, and no failure that the next try would wait after."""
    deployed.ask(
        _SET_UP + "prune(place, at=clock.now() + timedelta(days=60))\nassert"
        " readable_backup_keys(place.keys) == ()"
    )
    deployed.rows("delete from retention_drill returning id")
    deployed.rows("delete from retention_backup returning id")


@pytest.mark.parametrize(
    ("what", "says"),
    [
        ("target", "the bucket answers AccessDenied: look at its policy"),
        ("disk", "there is no space left at x"),
    ],
)
def test_failed_backup_is_recorded_with_its_message_and_retried(
    deployed: Deployment, what: str, says: str
) -> None:
    _delete_backups(deployed)
    said = deployed.ask(_SET_UP + _FAILS, what).splitlines()
    assert all(says in line for line in said[:2]), said
    listed = deployed.theseller("backup", "list").stdout
    assert says in listed


def test_backup_dated_by_a_clock_that_was_ahead_delays_no_other(deployed: Deployment) -> None:
    _delete_backups(deployed)
    deployed.ask(_SET_UP + _FROM_THE_FUTURE)


def test_backup_job_reports_an_unreachable_key_service_as_failed(
    deployed: Deployment,
) -> None:
    deployed.ask(_SET_UP + _NO_KEYS)


def test_prune_with_an_unmounted_target_deletes_no_backup_key(deployed: Deployment) -> None:
    _delete_backups(deployed)
    deployed.ask(_SET_UP + _UNMOUNTED)


def test_a_replaced_database_is_kept_for_a_week(deployed: Deployment) -> None:
    layout = saved_layout(deployed.state)
    assert layout is not None
    former = layout.home / "data.replaced-1"
    former.mkdir()
    (former / "PG_VERSION").write_text("18")
    (deployed.state / "restore").mkdir(exist_ok=True)
    deployed.ask(_SET_UP + _REPLACED, str(former))


#: Does what the recurring job does after backups, at a minute of the story; prints the new file.
_EXPORTS = """
from dataclasses import replace
from django.db import connections
from theseller.backups import scheduled_state_export
from theseller.backups.scheduled_state_export import export_state_if_due
from theseller.backups.types import BackupError

def exported(minutes, newest=None):
    scheduled_state_export.newest_finished = lambda _keys: newest
    at = clock.now() + timedelta(minutes=minutes)
    try:
        return export_state_if_due(with_backups=True, at=at)
    except BackupError as error:
        return str(error)

def recorded():
    with connections["probe"].cursor() as cursor:
        cursor.execute("select count(*) from audit_event where tag = 'operations:state:exported'")
        return cursor.fetchone()[0]

class Newest:  # The first export fell into this backup.
    begun_at = clock.now() - timedelta(minutes=5)
    finished_at = clock.now() + timedelta(minutes=5)

folder = settings.STATE_EXPORTS.folder
print(exported(0))
folder.mkdir()
print(exported(0).parent == folder, recorded())
print(exported(1), exported(2))
print(exported(6, Newest).parent == folder, exported(7, Newest), recorded())
print(exported(6 + 23 * 60), exported(7 + 24 * 60).parent == folder, recorded())
print(len(list(folder.iterdir())))
"""


def test_the_worker_exports_the_state_after_each_backup_and_once_a_day(
    deployed: Deployment, tmp_path: Path
) -> None:
    exports = tmp_path / "exports"
    deployed.environ[EXPORT_FOLDER] = str(exports)
    deployed.environ[EXPORT_KEY] = public_recovery_key(new_recovery_key())
    try:
        assert deployed.ask(_SET_UP + _EXPORTS).splitlines() == [
            f"the state can't be exported: {exports} is no folder",
            "True 1",
            "None None",
            "True None 2",
            "None True 3",
            "3",
        ]
    finally:
        del deployed.environ[EXPORT_FOLDER], deployed.environ[EXPORT_KEY]
