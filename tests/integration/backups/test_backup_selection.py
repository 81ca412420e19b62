"""Which backup a restore takes, what it says of those that it does not take, and what the list shows."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from tests.demo_deployment import ROOT
from tests.integration.backups.test_scheduled_operations import _SET_UP, _delete_backups
from tests.integration.deployment import Deployment

pytestmark = pytest.mark.timeout(300)
#: Takes backups of 1000, 980 and 30 rows, a minute apart, and asks which is chosen.
_CHOOSE = """
from tests.integration.erasure.kills import _SEGMENT
from theseller.backups.backup_selection import select_backup, rows_of
from theseller.backups.operations import take
from theseller.backups.database_source import Moment
from theseller.backups.types import BackupError, Fingerprint

class Sized(Source):
    held = 0
    def mark(self, restore_point):
        super().mark(restore_point)
        return Moment({"public.x": Fingerprint(self.held, "2")}, _SEGMENT)

source = Sized(place.source.archive)
place = replace(place, source=source)
said = []

def taken(rows, minutes):
    source.held, at = rows, clock.now() - timedelta(minutes=minutes)
    return take(place, now=lambda: at).id

def refusal(wanted):
    try:
        select_backup(place, wanted, say=said.append)
    except BackupError as error:
        return str(error)
    raise AssertionError("it was not refused")

first, second = taken(1000, 9), taken(980, 8)
assert select_backup(place, "latest", say=said.append) == second
assert (rows_of(place, first), said) == (1000, [])
empty = taken(30, 7)
why = refusal("latest")
assert "holds 30 rows, and the one before" in why and f"`theseller restore {second}`" in why, why
assert select_backup(place, str(empty), say=said.append) == empty, "one that is named is taken"

keys = state / "keys" / "data"
(key,) = [one.id for one in readable_backup_keys(place.keys) if str(empty) in one.owner]
(keys / f"{key}.json").rename(keys.parent / "aside")
assert select_backup(place, "latest", say=said.append) == second
assert len(said) == 1, said
assert f"the key of the newer backup {empty}" in said[0] and f"taking {second}" in said[0], said
why = refusal(str(empty))
assert f"the key of backup {empty} is not in this key store" in why, why
assert f"The newest that can be read is {second}" in why, why
(keys.parent / "aside").rename(keys / f"{key}.json")
(Path(place.target.title) / second.hex / "manifest").unlink()
assert f"the files of backup {second} are not at" in refusal(str(second))
assert "there is no readable backup 01a00000" in refusal("01a00000-0000-7000-8000-000000000000")
prune(place, at=clock.now() + timedelta(days=60))
assert "was destroyed" in refusal(str(first))
"""
_TWO = """
from theseller.backups.operations import take
take(place, now=clock.now)
print(take(place, now=clock.now).id)
"""
#: Ends a connection, a shop and a person, takes a backup, and puts the key store back to before
#: that, its backup's key excepted.
_JOURNAL = """
from uuid import uuid4
import shutil
from theseller.connections.types import DisconnectReason
from theseller.backups.backup_selection import refuse_shorter_journal
from theseller.backups.operations import read_manifest, take
from theseller.backups.types import BackupError
from theseller.erasure.journal import Journal
from theseller.erasure.journal_files import path_of
from theseller.erasure.journal_loss_detection import journal_extent
from theseller.erasure.types import JournalEntry, SubjectKind

before = take(place, now=clock.now).id
shutil.copytree(state / "keys", state / "keys-copy")
count = journal_extent(place.keys, state).count
journal = Journal(place.keys, state)
ended = JournalEntry(
    SubjectKind.CONNECTION, uuid4(), clock.now(), uuid4(), DisconnectReason.SELLER_REQUEST
)
journal.write(ended)
entry = path_of(state, ended.kind, ended.id)
shop, person = uuid4(), uuid4()
journal.publish(JournalEntry(SubjectKind.TENANT, shop, clock.now()))
journal.publish(JournalEntry(SubjectKind.USER, person, clock.now(), own_request=True))
after = take(place, now=clock.now).id
assert read_manifest(place, after).journal.count == count + 3
refuse_shorter_journal(place, after, state)

(key,) = [one.id for one in readable_backup_keys(place.keys) if str(after) in one.owner]
shutil.copy2(state / "keys" / "data" / f"{key}.json", state / "aside")
shutil.rmtree(state / "keys")
(state / "keys-copy").rename(state / "keys")
(state / "aside").rename(state / "keys" / "data" / f"{key}.json")
content = entry.read_bytes()

def refusal(wanted):
    try:
        refuse_shorter_journal(place, wanted, state)
    except BackupError as error:
        return str(error)

assert "lacks 2 of the" in refusal(after), "the file of the connection is at hand"
assert "lacks 2 of the" in refusal(before), "the newest backup knows what this one is too old for"
entry.unlink()
assert "lacks 3 of the" in refusal(after)
assert "--allow-missing-journal" in refusal(after)
entry.touch(mode=0o600)
entry.write_bytes(content)
journal.publish(JournalEntry(SubjectKind.TENANT, shop, clock.now()))
journal.publish_withdrawal(SubjectKind.USER, person)
assert refusal(after) is None, refusal(after)
"""


def test_restore_is_refused_if_the_erasure_journal_lacks_entries_of_the_backup(
    deployed: Deployment,
) -> None:
    _delete_backups(deployed)
    deployed.ask(_SET_UP + _JOURNAL)


def test_restore_selects_the_newest_usable_backup(deployed: Deployment) -> None:
    _delete_backups(deployed)
    deployed.ask(_SET_UP + _CHOOSE)


def test_backup_list_shows_rows_and_exits_silently_on_a_closed_pipe(deployed: Deployment) -> None:
    _delete_backups(deployed)
    newest = deployed.ask(_SET_UP + _TWO)
    listed = deployed.theseller("backup", "list").stdout.splitlines()
    assert listed[0].split() == ["BACKUP", "TAKEN", "MB", "ROWS", "EXPIRES", "STATE"]
    (line,) = [line for line in listed if line.startswith(newest)]
    assert line.split()[4] == "1"
    document = json.loads(deployed.theseller("backup", "list", "--json").stdout)
    (result,) = [one for one in document["backups"] if one["backup"] == newest]
    assert (result["rows"], result["state"], result["good"]) == (1, "unproven", False)
    assert document["replaced_databases"] == []
    # As `theseller backup list | true`: the reader is there no more when the first line is written.
    command = [sys.executable, "-u", "-m", "theseller.cli.main", "backup", "list"]
    with subprocess.Popen(
        command, cwd=ROOT, env=deployed.environ, stdout=subprocess.PIPE, stderr=subprocess.PIPE
    ) as process:
        assert process.stdout is not None
        assert process.stderr is not None
        process.stdout.close()
        assert process.stderr.read() == b""
