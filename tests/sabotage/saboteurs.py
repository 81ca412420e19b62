"""What a saboteur is, and how one is registered.

Each breaks the real thing (a row, a grant, a policy, a file, the running program), names the one
control that must notice, and repairs it afterwards. They are in `acts/`; `docs/sabotage.md` is the
list, written out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import psycopg
import pytest
from django.conf import settings
from tests.sabotage.deployment import TOKEN, Deployment

from theseller.amazon import spapi_operations as allow_list
from theseller.amazon.spapi_operations import Operation
from theseller.controls.probe_tools.probe_context import live_context
from theseller.controls.types import Status
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.postgres.os_processes import wait_until

Superuser = psycopg.Connection[tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Tools:
    """What a saboteur may use."""

    deployment: Deployment
    superuser: Superuser
    patch: pytest.MonkeyPatch
    folder: Path


Act = Callable[[Tools], Iterator[None]]


@dataclass(frozen=True, slots=True)
class Saboteur:
    """One act, and the control that must turn red.

    No other control may change, but those in `blinds`, which must say that they can't know, and
    those in `also`, whose promise it breaks as well and which must turn red with it. `turns` is
    Unknown for an act that blinds the probe.
    """

    control: str
    does: str
    act: Callable[[Tools], Any]
    blinds: tuple[str, ...] = ()
    also: tuple[str, ...] = ()
    turns: Status = Status.FAILED


#: In the order of the files in `acts/`, which registers them all.
REGISTERED: list[Saboteur] = []


def breaks(
    control: str, does: str, *, blinds: tuple[str, ...] = (), also: tuple[str, ...] = ()
) -> Callable[[Act], Act]:
    """Register a saboteur: a generator that breaks something, yields, and repairs it.

    `blinds` names the controls that can't see while it is broken, and have to say that they don't
    know. `also` names those that promise the same thing in other words and turn red too: name one
    only if its statement is false while this lasts.
    """

    def register(act: Act) -> Act:
        REGISTERED.append(Saboteur(control, does, contextmanager(act), blinds, also))
        return act

    return register


def blinds(control: str, does: str, *, also: tuple[str, ...] = ()) -> Callable[[Act], Act]:
    """Register an act after which the probe of `control` can't see and must say Unknown.

    Those of `also` as well.
    """

    def register(act: Act) -> Act:
        REGISTERED.append(
            Saboteur(control, does, contextmanager(act), blinds=also, turns=Status.UNKNOWN)
        )
        return act

    return register


def sql(
    control: str,
    does: str,
    broken: str,
    repaired: str,
    *,
    also: tuple[str, ...] = (),
    blinds: tuple[str, ...] = (),
) -> None:
    """Register a saboteur of the database: two statements of the superuser's.

    Braces name things of the deployment.
    """

    def act(tools: Tools) -> Iterator[None]:
        names = {
            "open": tools.deployment.open, "charlies": tools.deployment.charlies,
            "ended": tools.deployment.ended, "certified": tools.deployment.certified,
            "alice": tools.deployment.cast.alices_shop,
            "charlie": tools.deployment.cast.charlies_shop,
            "doras_shop": tools.deployment.doras_shop, "dora": tools.deployment.dora,
            "new": new_id(), "newer": new_id(), "token": TOKEN,
        }  # fmt: skip
        tools.superuser.execute(broken.format(**names))
        try:
            yield
        finally:
            tools.superuser.execute(repaired.format(**names))

    breaks(control, does, also=also, blinds=blinds)(act)


def in_log(name: str, content: bytes) -> Iterator[None]:
    """Leave a megabyte and then `content` in a log while the act lasts."""
    path = settings.ENVIRONMENT.state / "log" / name
    path.parent.mkdir(exist_ok=True)
    path.write_bytes(b"x" * (1 << 20) + content)  # across the border of what a search reads at once
    try:
        yield
    finally:
        path.unlink()


def scrub(tools: Tools, table: str) -> None:
    """Rewrite a table, and delete what an autovacuum's analysis noted of it.

    What was deleted from it is on the disk until then.

    A snapshot that is older than the deletion has the rewrite copy the deleted rows, so it is
    repeated until no file holds the token.
    """
    folder = live_context(clock.now()).database_directory
    assert folder is not None
    found: list[object] = [table]

    def clean() -> bool:
        tools.superuser.execute(f"analyze {table}")
        for relation in {table, "pg_catalog.pg_statistic"}:
            tools.superuser.execute(f"vacuum full {relation}")
        tools.superuser.execute("checkpoint")
        row = tools.superuser.execute(
            "select oid from pg_database where datname = current_database()"
        ).fetchone()
        assert row is not None
        files = [
            path
            for path in (folder / "base" / str(row[0])).iterdir()
            if path.name.isdecimal() and TOKEN.encode() in path.read_bytes()
        ]
        found[:] = [
            tools.superuser.execute(
                "select oid::regclass::text from pg_class where relfilenode = %s", [path.name]
            ).fetchone()
            for path in files
        ]
        return not found

    assert wait_until(clean, 60.0, step=0.1), (
        f"the files of these relations still contain a token: {found}"
    )


def with_operation(tools: Tools, *operations: Operation) -> None:
    """Put operations on the list of what may be called, or in the place of those of the same name."""
    table = MappingProxyType(
        {**allow_list.OPERATIONS, **{operation.name: operation for operation in operations}}
    )
    tools.patch.setattr(allow_list, "OPERATIONS", table)
