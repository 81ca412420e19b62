"""Exports of the state folder: whole, sealed to the recovery key, merged with later tombstones."""

from __future__ import annotations

import hashlib
import json
import multiprocessing
import os
import signal
import stat
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from theseller.backups.state_export import (
    Exported,
    Origin,
    export_state,
    last_export,
)
from theseller.backups.state_export_format import StateExportError
from theseller.backups.state_export_reading import read_export
from theseller.backups.state_import import (
    Imported,
    finish_import,
    import_complete,
    import_pending,
    import_state,
)
from theseller.crypto.errors import KeyDestroyedError, KeyFileError
from theseller.crypto.file_key_store import FileKeyStore
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.key_types import Purpose
from theseller.crypto.recovery_key import (
    checked_public_key,
    new_recovery_key,
    public_recovery_key,
)
from theseller.crypto.root_keys import ROOT_KEY_NAME, new_root_key
from theseller.datamap.state_folder_and_guard_tables import STATE_ENTRIES
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret

# The tests' own threads (xdist has some) do nothing that a forked child waits for.
pytestmark = pytest.mark.filterwarnings(
    "ignore:.*is multi-threaded, use of fork.*:DeprecationWarning"
)
#: Later than every key that these tests make; BEFORE is earlier.
AT, BEFORE = datetime(2099, 11, 30, 12, tzinfo=UTC), datetime(2020, 11, 30, 12, tzinfo=UTC)
KEY = new_recovery_key()
PUBLIC = public_recovery_key(KEY)
#: Longer than a chunk of the sealed stream.
_CHECKPOINTS = b"".join(b"%d %s\n" % (n, b"x" * 1000) for n in range(1200))


class State:
    """A state folder with one of everything that a deployment writes there."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(mode=0o700)
        (folder / ".theseller-state").write_text("test\n")
        (folder / ".theseller-host").write_text("random\n")
        self.secrets = FileSecretProvider(folder / "secrets")
        self.secrets.put(ROOT_KEY_NAME, new_root_key("test"))
        self.secrets.put("lwa-client-secret", Secret("canary-of-amazon"))
        self.connection = new_id()
        self.token = self.keys.create(Purpose.REFRESH_TOKEN, f"connection:{self.connection}")
        time.sleep(0.002)  # Keys of one millisecond have no order, and the oldest is the token's.
        self.backup = self.keys.create(Purpose.BACKUP, f"backup:{new_id()}")
        self.day = self.keys.create(Purpose.PII, "pii-day:2026-12-01")
        self.mail = self.keys.create(Purpose.SESSION, "mail-day:2026-11-30")
        for name, content in {
            "audit/checkpoints": _CHECKPOINTS,
            "audit/acts": b'{"id": "1"}\n',
            "audit/copy-id": f"{new_id()}\n".encode(),
            f"erasures/{new_id()}.json": b"{}\n",
            f"erasures/shops/{new_id()}.json": b"{}\n",
            "advisories/openvex.json": b"{}\n",
            "advisories/pypi.json": b"public",
            "log/web.log": b"a log",
            "postgres/data/base": b"rows",
            "backups/base": b"sealed rows",
            "run/.s.PGSQL.5432": b"",
            "emulator/world": b"",
            "metrics/1/counter_1.db": b"",
            "static/css": b"",
            "secrets/.writing-0123456789abcdef": b"half",
        }.items():
            path = folder / name
            path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.write_bytes(content)
            path.chmod(0o600)

    @property
    def keys(self) -> FileKeyStore:
        return key_store(self.folder)

    def files(self) -> dict[str, bytes]:
        return files(self.folder)


def key_store(folder: Path) -> FileKeyStore:
    return FileKeyStore(folder / "keys", FileSecretProvider(folder / "secrets"), environment="test")


def files(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != ".lock"
    }


def origin(folder: Path, **fields: str) -> Origin:
    return Origin(folder, "test", fields.get("secrets_in", "files"), "files", ("root-key",))


@pytest.fixture
def state(tmp_path: Path) -> State:
    return State(tmp_path / "state")


@pytest.fixture
def made(state: State, tmp_path: Path) -> Exported:
    (tmp_path / "elsewhere").mkdir()
    return export_state(origin(state.folder), tmp_path / "elsewhere" / "export", PUBLIC, at=AT)


def bring(
    source: Path, folder: Path, reached: Callable[[str], None] = lambda _step: None
) -> Imported:
    return import_state(
        source,
        KEY,
        folder,
        accept=lambda _manifest, _content: None,
        mark=_mark,
        at=AT + timedelta(days=1),
        reached=reached,
    )


def _mark(folder: Path) -> None:
    (folder / ".theseller-state").write_text("test\n")


def test_an_export_has_what_a_new_host_needs_and_nothing_else(state: State, made: Exported) -> None:
    """The keys of days are tombstones: an export opens no buyer's data and no mailed link."""
    day, mail = (f"{key.id}.json" for key in (state.day, state.mail))
    wanted = {
        name
        for name in state.files()
        if name.split("/")[0] in {"secrets", "keys", "erasures", "audit"} and "writing" not in name
    } | {"advisories/openvex.json"}
    wanted -= {f"keys/data/{day}", f"keys/data/{mail}"}
    wanted |= {f"keys/destroyed/{day}", f"keys/destroyed/{mail}"}
    assert {one.path for one in made.manifest.files} == wanted
    assert made.manifest.deployment == state.token.id
    assert (made.manifest.live_keys, made.manifest.destroyed_keys) == (2, 2)
    content = made.path.read_bytes()
    assert stat.S_IMODE(made.path.stat().st_mode) == 0o600
    assert made.sha256 == hashlib.sha256(content).hexdigest()
    assert b"canary" not in content
    assert last_export(state.folder) == AT
    assert read_export(made.path, KEY) == made.manifest


def test_every_entry_of_the_state_folder_is_exported_or_not_on_purpose() -> None:
    assert {one.name for one in STATE_ENTRIES if one.exported} == {
        "advisories",
        "audit",
        "erasures",
        "keys",
        "secrets",
    }


def test_an_import_on_a_new_host_opens_everything(
    state: State, made: Exported, tmp_path: Path
) -> None:
    new = tmp_path / "new"
    done = bring(made.path, new)
    assert (done.destroyed_since, done.journal_since) == (0, 0)
    kept = {one.path for one in made.manifest.files}
    before, after = state.files(), files(new)
    assert set(after) == kept | {".theseller-state", ".theseller-last-export"}
    assert all(after[name] == before[name] for name in kept & set(before))
    assert key_store(new).get(state.token.id) == state.token
    for key in (state.day, state.mail):
        with pytest.raises(KeyDestroyedError):
            key_store(new).get(key.id)
    assert last_export(new) == AT
    modes = {stat.S_IMODE(path.stat().st_mode) for path in (new / "keys").rglob("*.json")}
    assert modes == {0o600}
    assert not import_pending(new)


def _remnant(state: State, tmp_path: Path, *names: str) -> Path:
    """Return a folder with what is left of the old one."""
    folder = tmp_path / "remnant"
    for name in names:
        for path, content in state.files().items():
            if path.startswith(name):
                (folder / path).parent.mkdir(mode=0o700, parents=True, exist_ok=True)
                (folder / path).write_bytes(content)
                (folder / path).chmod(0o600)
    return folder


def test_a_key_destroyed_after_the_export_stays_destroyed(
    state: State, made: Exported, tmp_path: Path
) -> None:
    state.keys.destroy(state.token.id)
    folder = _remnant(state, tmp_path, "keys/destroyed")
    tombstone = (folder / "keys" / "destroyed" / f"{state.token.id}.json").read_bytes()
    assert bring(made.path, folder).destroyed_since == 1
    # Before the store is opened: it would finish the destruction itself.
    assert not (folder / "keys" / "data" / f"{state.token.id}.json").exists()
    assert (folder / "keys" / "destroyed" / f"{state.token.id}.json").read_bytes() == tombstone
    with pytest.raises(KeyDestroyedError):
        key_store(folder).get(state.token.id)
    assert key_store(folder).get(state.backup.id) == state.backup


@pytest.mark.parametrize("by", ["file", "tombstone"])
def test_a_connection_erased_after_the_export_gets_no_key_back(
    state: State, made: Exported, tmp_path: Path, by: str
) -> None:
    """The journal alone knows it: the tombstone of the connection's own key is lost."""
    folder = _remnant(state, tmp_path, "erasures")
    if by == "file":
        (folder / "erasures" / f"{state.connection}.json").write_bytes(b"{}\n")
        (folder / "erasures" / f"{state.connection}.json").chmod(0o600)
    else:
        made = export_state(origin(state.folder), tmp_path / "earlier", PUBLIC, at=BEFORE)
        entry = state.keys.create(
            Purpose.AUDIT, f"erasure-journal:connection:{state.connection}::1:seller_request"
        )
        state.keys.destroy(entry.id)
        name = f"keys/destroyed/{entry.id}.json"
        folder = _remnant(state, tmp_path, "erasures", name)
    assert bring(made.path, folder).destroyed_since == 1
    assert not (folder / "keys" / "data" / f"{state.token.id}.json").exists()
    with pytest.raises(KeyDestroyedError):
        key_store(folder).get(state.token.id)
    record = key_store(folder).record(state.token.id)
    assert record.owner == f"connection:{state.connection}"
    assert record.destroyed_at == AT + timedelta(days=1)


def test_a_tombstone_of_the_export_destroys_an_older_folder_s_key(
    state: State, tmp_path: Path
) -> None:
    older = _remnant(state, tmp_path, "keys", "secrets")
    state.keys.destroy(state.token.id)
    later = export_state(origin(state.folder), tmp_path / "later", PUBLIC, at=AT).path
    bring(later, older)
    assert not (older / "keys" / "data" / f"{state.token.id}.json").exists()
    with pytest.raises(KeyDestroyedError):
        key_store(older).get(state.token.id)


def test_journal_acts_and_checkpoints_of_both_sides_are_kept(
    state: State, made: Exported, tmp_path: Path
) -> None:
    entry = f"erasures/people/{new_id()}.json"
    (state.folder / "erasures" / "people").mkdir(mode=0o700)
    (state.folder / entry).write_bytes(b"{}\n")
    (state.folder / "audit" / "acts").write_bytes(b'{"id": "2"}\n')
    with (state.folder / "audit" / "checkpoints").open("ab") as file:
        file.write(b"one more\n")
    folder = _remnant(state, tmp_path, "erasures", "audit")
    for path in folder.rglob("*.json"):
        path.chmod(0o600)
    assert bring(made.path, folder).journal_since == 1
    after = files(folder)
    assert entry in after
    assert after["audit/acts"] == b'{"id": "1"}\n{"id": "2"}\n'
    assert after["audit/checkpoints"] == _CHECKPOINTS + b"one more\n"


def test_a_folder_that_only_knows_what_came_after_the_export_is_accepted(
    state: State, tmp_path: Path
) -> None:
    """The first erasures of a deployment: neither side knows a key or an entry of the other."""
    earlier = export_state(origin(state.folder), tmp_path / "earlier", PUBLIC, at=BEFORE)
    later = state.keys.create(Purpose.BACKUP, f"backup:{new_id()}")
    state.keys.destroy(later.id)
    entry = f"erasures/{new_id()}.json"
    (state.folder / entry).write_bytes(b"{}\n")
    folder = _remnant(state, tmp_path, entry, f"keys/destroyed/{later.id}")
    for path in folder.rglob("*.json"):
        path.chmod(0o600)
    assert bring(earlier.path, folder).journal_since == 1
    assert entry in files(folder)
    with pytest.raises(KeyDestroyedError):
        key_store(folder).get(later.id)
    assert key_store(folder).get(state.token.id) == state.token


@pytest.mark.parametrize("longer", [b"", b"one more\n"])
def test_a_shorter_copy_of_the_checkpoints_is_completed_and_another_is_kept(
    state: State, made: Exported, tmp_path: Path, longer: bytes
) -> None:
    folder = _remnant(state, tmp_path, "erasures", "audit")
    other = _CHECKPOINTS.partition(b"\n")[0] + b"\nanother history\n" + longer
    (folder / "audit" / "checkpoints").write_bytes(_CHECKPOINTS[:1000] if not longer else other)
    bring(made.path, folder)
    assert files(folder)["audit/checkpoints"] == (other if longer else _CHECKPOINTS)


@pytest.mark.parametrize("change", ["secret", "key", "deployment", "checkpoints", "file"])
def test_folders_that_would_lose_something_are_refused_unchanged(
    state: State, made: Exported, tmp_path: Path, change: str
) -> None:
    match, folder = "secrets or keys that the export lacks", state.folder
    if change == "secret":
        state.secrets.put("lwa-client-secret", Secret("a newer one"))
    elif change == "key":
        made = export_state(origin(state.folder), tmp_path / "earlier", PUBLIC, at=BEFORE)
        state.keys.create(Purpose.BACKUP, f"backup:{new_id()}")
    elif change == "deployment":
        match, folder = "belongs to another deployment", State(tmp_path / "other").folder
    elif change == "checkpoints":
        match, folder = "belongs to another deployment", tmp_path / "log"
        (folder / "audit").mkdir(mode=0o700, parents=True)
        (folder / "audit" / "checkpoints").write_bytes(b"another first checkpoint\n")
    else:
        match, folder = r"not TheSeller's \(thesis.txt\)", tmp_path / "mine"
        folder.mkdir()
        (folder / "thesis.txt").write_text("years of work")
    before = files(folder)
    with pytest.raises(StateExportError, match=match):
        bring(made.path, folder)
    assert files(folder) == before


def _with_checksum(content: bytes) -> bytes:
    return content[:-32] + hashlib.sha256(content[:-32]).digest()


def _flipped(content: bytes, at: int) -> bytes:
    changed = bytearray(content)
    changed[at] ^= 1
    return bytes(changed)


def _header(content: bytes, **fields: object) -> bytes:
    line, _, rest = content.partition(b"\n")
    changed = {**json.loads(line), **fields}
    return _with_checksum(json.dumps(changed, sort_keys=True).encode() + b"\n" + rest)


#: What was done to the file, and what the refusal says.
_DAMAGES: dict[str, tuple[Callable[[bytes], bytes], str]] = {
    "truncated": (lambda content: content[: len(content) // 2], "damaged or cut"),
    "without its last byte": (lambda content: content[:-1], "damaged or cut"),
    "longer": (lambda content: content + b"x", "damaged or cut"),
    "a bit": (lambda content: _flipped(content, len(content) // 2), "damaged or cut"),
    "a bit, with a new checksum": (
        lambda content: _with_checksum(_flipped(content, len(content) // 2)),
        "its seal is broken",
    ),
    "the last chunk left out": (
        lambda content: _with_checksum(content[:-1000]),
        "its seal is broken",
    ),
    "another deployment in the header": (
        lambda content: _header(content, deployment=str(new_id())),
        "its seal is broken",
    ),
    "an older format": (
        lambda content: _header(content, format="theseller-state-export/0"),
        "it has format 0.*install the older version",
    ),
    "a later format": (
        lambda content: _header(content, format="theseller-state-export/2", version="9.1"),
        r"it has format 2.*install the newer version of TheSeller that made it \(9.1\)",
    ),
    "another file": (lambda _content: b"years of work", "no export of a state folder"),
    "nothing": (lambda _content: b"", "no export of a state folder"),
}


@pytest.mark.parametrize("damage", _DAMAGES)
def test_damaged_exports_are_refused_and_write_nothing(
    made: Exported, tmp_path: Path, damage: str
) -> None:
    change, says = _DAMAGES[damage]
    broken = tmp_path / "broken"
    broken.write_bytes(change(made.path.read_bytes()))
    with pytest.raises(StateExportError, match=says):
        read_export(broken, KEY)
    with pytest.raises(StateExportError, match=says):
        bring(broken, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_another_recovery_key_is_named(made: Exported) -> None:
    with pytest.raises(StateExportError, match=f"another recovery key.*{PUBLIC}"):
        read_export(made.path, new_recovery_key())
    with pytest.raises(StateExportError, match="its seal is broken"):
        content = _header(
            made.path.read_bytes(), recipient=public_recovery_key(other := new_recovery_key())
        )
        made.path.write_bytes(content)
        read_export(made.path, other)


@pytest.mark.parametrize(
    "path", ["../../etc/passwd", "log/web.log", "keys/purpose/notes", "secrets"]
)
def test_a_file_that_is_in_no_export_is_refused(
    made: Exported, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    """Anyone can seal to a public key: what an export names is not trusted."""
    from theseller.backups import state_export

    monkeypatch.setattr(state_export, "_paths", lambda _origin: [path])
    monkeypatch.setattr(state_export, "read_private", lambda _path: b"content")
    forged = export_state(origin(tmp_path / "state"), tmp_path / "forged", PUBLIC, at=AT).path
    with pytest.raises(StateExportError, match="does not belong into an export"):
        bring(forged, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_a_file_that_differs_from_the_manifest_is_refused(
    state: State, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from theseller.backups import state_export

    described = state_export._described
    monkeypatch.setattr(
        state_export,
        "_described",
        lambda path, content: replace(described(path, content), sha256="0"),
    )
    forged = export_state(origin(state.folder), tmp_path / "forged", PUBLIC, at=AT).path
    with pytest.raises(StateExportError, match="damaged or cut"):
        bring(forged, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_targets_that_exist_or_are_in_the_state_folder_are_refused(
    state: State, tmp_path: Path
) -> None:
    (tmp_path / "there").write_text("years of work")
    (tmp_path / "link").symlink_to(tmp_path / "nowhere")
    (tmp_path / "way").symlink_to(state.folder / "log")
    for target, says in (
        (tmp_path / "there", "exists"),
        (tmp_path / "link", "exists"),
        (state.folder / "export", "inside of the state folder"),
        (state.folder / "log", "inside of the state folder"),
        (tmp_path / "way", "inside of the state folder"),
        (tmp_path / "none" / "export", "does not exist"),
    ):
        with pytest.raises(StateExportError, match=says):
            export_state(origin(state.folder), target, PUBLIC, at=AT)
    assert last_export(state.folder) is None
    assert not any(path.name.startswith(".writing") for path in tmp_path.iterdir())


def test_an_export_into_a_folder_is_named_by_its_time_and_removes_expired_ones(
    state: State, tmp_path: Path
) -> None:
    folder = tmp_path / "exports"
    folder.mkdir()
    other = State(tmp_path / "other")
    for days in (0, 27, 28):
        export_state(origin(state.folder), folder, PUBLIC, at=AT - timedelta(days=days))
    foreign = export_state(origin(other.folder), folder, PUBLIC, at=AT - timedelta(days=40)).path
    (folder / "theseller-state-test-20200101T000000Z.sealed").write_text("not ours")
    made = export_state(origin(state.folder), folder, PUBLIC, at=AT + timedelta(hours=1))
    assert [path.name for path in made.removed] == ["theseller-state-test-20991102T120000Z.sealed"]
    assert {path.name for path in folder.iterdir()} == {
        "theseller-state-test-20200101T000000Z.sealed",
        foreign.name,
        "theseller-state-test-20991103T120000Z.sealed",
        "theseller-state-test-20991130T120000Z.sealed",
        made.path.name,
    }


def test_keys_in_a_service_are_counted_and_not_copied(state: State, tmp_path: Path) -> None:
    state.keys.destroy(state.backup.id)
    service = Origin(state.folder, "test", "vault", "vault", ("db-web",), records=state.keys.list())
    made = export_state(service, tmp_path / "export", PUBLIC, at=AT)
    names = {one.path.split("/")[0] for one in made.manifest.files}
    assert names == {"advisories", "audit", "erasures"}
    assert made.manifest.deployment == state.token.id
    assert (made.manifest.live_keys, made.manifest.destroyed_keys) == (3, 1)


def test_secrets_in_a_service_are_named_and_not_copied(state: State, tmp_path: Path) -> None:
    made = export_state(
        origin(state.folder, secrets_in="vault"), tmp_path / "export", PUBLIC, at=AT
    )
    assert not any(one.path.startswith("secrets/") for one in made.manifest.files)
    assert made.manifest.secret_names == ("root-key",)


def test_recovery_keys_survive_paper_and_typing_errors_are_found() -> None:
    public, text = PUBLIC, KEY.reveal()
    assert public_recovery_key(Secret(f" {text.lower().replace('-', ' ')}\n")) == public
    misread = text.replace("O", "0", 1) if "O" in text[6:] else text
    assert public_recovery_key(Secret(misread)) == public
    swapped = text[:-1] + ("A" if text[-1] != "A" else "B")
    with pytest.raises(KeyFileError, match="mistyped"):
        public_recovery_key(Secret(swapped))
    with pytest.raises(KeyFileError, match="begins with TSRP1-"):
        checked_public_key(text)
    with pytest.raises(KeyFileError, match="mistyped"):
        checked_public_key(public[:-5])


# --- kills


def _kill_at(source: Path, folder: Path, number: int) -> int:
    """Import in a process that is killed at its n-th step; return how it ended."""
    passed = 0

    def reached(_step: str) -> None:
        nonlocal passed
        if passed == number:
            os.kill(os.getpid(), signal.SIGKILL)
        passed += 1

    process = multiprocessing.get_context("fork").Process(
        target=_again, args=(source, folder, reached)
    )
    process.start()
    process.join()
    return process.exitcode or 0


def _again(source: Path, folder: Path, reached: Callable[[str], None] = lambda _step: None) -> None:
    """Do what `theseller state import` does."""
    if import_complete(folder):
        finish_import(folder, mark=_mark, reached=reached)
    else:
        bring(source, folder, reached)


def _killed_everywhere(state: State, made: Exported, tmp_path: Path, stride: int) -> int:
    """Kill an import at its steps, on an empty folder and on one that knows a later tombstone."""
    state.keys.destroy(state.token.id)
    wanted: dict[str, bytes] = {}
    killed = 0
    for kind in ("empty", "remnant"):
        for number in range(0, 1000, stride):
            folder = tmp_path / f"{kind}-{number}"
            if kind == "remnant":
                _remnant(state, tmp_path, "keys/destroyed").rename(folder)
            ended = _kill_at(made.path, folder, number)
            if ended == 0:
                break
            assert ended == -signal.SIGKILL
            killed += 1
            if import_pending(folder):
                _again(made.path, folder)
            else:  # The last step of all.
                assert (folder / ".theseller-state").exists()
            wanted = wanted if number else files(folder)
            assert files(folder) == wanted
            assert not import_pending(folder)
    return killed


def test_an_import_that_is_killed_is_whole_after_the_next_call(
    state: State, made: Exported, tmp_path: Path
) -> None:
    assert _killed_everywhere(state, made, tmp_path, stride=9) > 4


@pytest.mark.exhaustive
def test_an_import_that_is_killed_at_any_step_is_whole_after_the_next_call(
    state: State, made: Exported, tmp_path: Path
) -> None:
    assert _killed_everywhere(state, made, tmp_path, stride=1) > 40
