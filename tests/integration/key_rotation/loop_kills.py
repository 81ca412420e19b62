"""Kills a rotation inside its loops, at the records that each step writes.

At the first, a middle and the last record, before, within and after the write.

Run with the name of a secret and, to kill at the middle records alone, `middle`, Django being
ready; prints what was killed, one line each: step,
operation, how many of them, where. What counts as a write: a file of the key store or of a secret
put in place (`write`) or erased (`erase`), and a changing statement of SQL (`sql`).
"""

from __future__ import annotations

import hashlib
import json
import os
import signal
import sys
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Any
from uuid import UUID

from django.conf import settings
from django.db import connections
from tests.integration.key_rotation.kills import check_rotated, drive, forked

from theseller.accounts.mfa import totp_secret_sealing
from theseller.accounts.models import Authenticator
from theseller.crypto import (
    file_key_store,
    file_key_store_rotation,
    file_secret_provider,
    private_files,
)
from theseller.crypto.errors import KeyDestroyedError
from theseller.crypto.file_key_store_rotation import RotatableKeyStore
from theseller.crypto.key_types import Purpose
from theseller.key_rotation.types import RotationReason

#: Records of each kind, so that a loop has a first, a middle and a last one.
RECORDS = 7
_OWNER = "loop"
_CHANGES = ("insert", "update", "delete", "alter")
Operation = tuple[str, str]


@dataclass
class Meter:
    """Counts the writes of each step, and kills this process at one of them."""

    kill: tuple[Operation, int, str] | None = None
    step: str = ""
    counts: Counter[Operation] = field(default_factory=Counter)
    within: bool = False

    def say(self, _secret: str, step: str, event: str) -> None:
        if event == "begin":
            self.step = step

    @contextmanager
    def write(self, operation: str) -> Iterator[None]:
        this = self.step, operation
        where = self.kill[2] if self.kill and self.kill[:2] == (this, self.counts[this]) else ""
        self.counts[this] += 1
        if where == "before":
            _die()
        self.within = where == "within"
        yield
        self.within = False
        if where == "after":
            _die()

    def install(self) -> None:
        """Stand between this process and its files and database, in the one process that is forked for it."""
        for name, operation in (("write_private", "write"), ("erase", "erase")):
            original = getattr(private_files, name)
            for module in (
                private_files,
                file_key_store,
                file_secret_provider,
                file_key_store_rotation,
            ):
                if hasattr(module, name):
                    setattr(module, name, self._counted(operation, original))
        for name in ("replace", "unlink"):
            setattr(Path, name, self._killing(getattr(Path, name)))
        connections["default"].execute_wrappers.append(self._statement)

    def _counted(self, operation: str, original: Callable[..., None]) -> Callable[..., None]:
        # whatever the function takes
        def counted(*arguments: Any, **named: Any) -> None:  # noqa: ANN401
            with self.write(operation):
                original(*arguments, **named)

        return counted

    def _killing(self, original: Callable[..., Any]) -> Callable[..., Any]:
        def killing(*arguments: Any, **named: Any) -> Any:  # noqa: ANN401
            if self.within:
                _die()
            return original(*arguments, **named)

        return killing

    def _statement(
        self,
        execute: Callable[..., Any],
        sql: str,
        params: Any,  # noqa: ANN401
        many: bool,  # noqa: FBT001
        context: dict[str, Any],
    ) -> Any:  # noqa: ANN401
        if not sql.lstrip().lower().startswith(_CHANGES):
            return execute(sql, params, many, context)
        with self.write("sql"):
            return execute(sql, params, many, context)


def _die() -> None:
    os.kill(os.getpid(), signal.SIGKILL)


def measured(name: str, found: Path) -> None:
    """Rotate to the end and write down how many writes each step has."""
    meter = Meter()
    meter.install()
    drive(name, RotationReason.MANUAL, meter.say)
    found.write_text(json.dumps([[*operation, count] for operation, count in meter.counts.items()]))


def killed(name: str, kill: tuple[Operation, int, str]) -> None:
    meter = Meter(kill)
    meter.install()
    drive(name, RotationReason.MANUAL, meter.say)


def fill(name: str) -> None:
    """Make enough records for every loop, and note what must not be lost: each key's fingerprint."""
    store = settings.KEY_STORE
    kind, _, rest = name.partition(":")
    if kind == "connection-key":
        for _ in range(RECORDS):  # as killed replacements leave them
            store.create(Purpose.REFRESH_TOKEN, f"connection:{rest}")
        return
    if kind == "certificate-key":
        for _ in range(RECORDS):
            store.create(Purpose.SIGNING, "certificates")
        return
    if kind == "second-factor-key":
        _notes().write_text(json.dumps(_apps()))  # the people have been added by the web
        return
    purposes = (
        [Purpose(rest)] * RECORDS
        if rest
        else [purpose for purpose in Purpose if purpose is not Purpose.ROOT]
    )
    keys = [store.create(purpose, _OWNER) for purpose in purposes]
    known = _noted()
    known |= {str(key.id): hashlib.sha256(key.material.reveal_bytes()).hexdigest() for key in keys}
    _notes().write_text(json.dumps(known))


def _apps() -> dict[str, str]:
    """Return a fingerprint of what each authenticator app's row opens to."""
    rows = Authenticator.objects.order_by("id").values_list("id", "sealed")
    return {
        str(row): (
            hashlib.sha256(
                totp_secret_sealing.unsealed(row, bytes(message)).reveal_bytes()
            ).hexdigest()
        )
        for row, message in rows
    }


def nothing_is_lost(name: str) -> None:
    """Open what was there before, and look for what is still under an old key."""
    check_rotated(name)
    if name == "second-factor-key":
        assert _apps() == _noted()
        (key,) = totp_secret_sealing.keys()
        assert set(Authenticator.objects.values_list("data_key_id", flat=True)) == {key.id}
    for key_id, fingerprint in _noted().items() if name != "second-factor-key" else ():
        assert (
            hashlib.sha256(settings.KEY_STORE.get(UUID(key_id)).material.reveal_bytes()).hexdigest()
            == fingerprint
        )
    store = RotatableKeyStore(
        settings.ENVIRONMENT.state / "keys",
        settings.SECRETS,
        environment=settings.ENVIRONMENT.kind.value,
    )
    kind, _, rest = name.partition(":")
    if kind == "purpose-key":
        (only,) = store.purpose_keys()[Purpose(rest)]
        living = [one for one in store.list() if one.purpose is Purpose(rest) and not one.destroyed]
        assert store.under_purpose_key(only) == len(living)
    if kind == "root-key":
        (only,) = (key.id for key in store._roots())
        assert store.under_root(only) == sum(len(ids) for ids in store.purpose_keys().values())
    if kind == "certificate-key":
        assert (
            len(
                [
                    one
                    for one in store.list()
                    if one.purpose is Purpose.SIGNING
                    and one.owner == "certificates"
                    and not one.destroyed
                ]
            )
            == 1
        )
    assert not list((settings.ENVIRONMENT.state / "keys").rglob(".writing-*"))


def clean_up() -> None:
    for one in settings.KEY_STORE.list():
        if one.owner == _OWNER and not one.destroyed:
            settings.KEY_STORE.destroy(one.id)
            try:
                settings.KEY_STORE.get(one.id)
            except KeyDestroyedError:
                continue
            raise AssertionError("a destroyed key opens")
    _notes().unlink(missing_ok=True)


def _noted() -> dict[str, str]:
    return dict(json.loads(_notes().read_text())) if _notes().exists() else {}


def _notes() -> Path:
    return Path(settings.ENVIRONMENT.state) / "loops.json"


def _targets(
    counts: list[tuple[str, str, int]], *, middle: bool
) -> Iterator[tuple[Operation, int, str]]:
    for step, operation, count in counts:
        places = ("before", "after") if operation == "sql" else ("before", "within", "after")
        for index in [count // 2] if middle else sorted({0, count // 2, count - 1}):
            for place in places:
                yield (step, operation), index, place


def main() -> None:
    name, middle = sys.argv[1], "middle" in sys.argv[2:]
    found = Path(settings.ENVIRONMENT.state) / "loops-found.json"
    forked(partial(fill, name))
    forked(partial(measured, name, found))
    counts = [(step, operation, count) for step, operation, count in json.loads(found.read_text())]
    found.unlink()
    for operation, index, place in _targets(counts, middle=middle):
        if not name.startswith(("root", "purpose")):
            forked(partial(fill, name))
        if forked(partial(killed, name, (operation, index, place))) == signal.SIGKILL:
            sys.stdout.write(f"{' '.join(operation)} {index} {place}\n")
        forked(partial(drive, name, RotationReason.MANUAL))
        forked(partial(nothing_is_lost, name))
    forked(clean_up)
    sys.stdout.write(json.dumps(counts) + "\n")


if __name__ == "__main__":
    main()
