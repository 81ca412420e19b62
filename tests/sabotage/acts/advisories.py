"""Section 10: advisories about installed packages."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

from django.conf import settings
from tests.advisories import (
    BY_LAST,
    BY_LIST,
    BY_RANGE,
    not_affected,
    openvex,
    store_advisories,
    usual,
)
from tests.sabotage.saboteurs import Tools, blinds, breaks

from theseller.lib import clock
from theseller.releases import advisories


def _installed(tools: Tools, name: str, version: str) -> None:
    more = [*advisories.installed_packages(), (name, version)]
    tools.patch.setattr(advisories, "installed_packages", lambda: more)


def _folder() -> Path:
    state: Path = settings.ENVIRONMENT.state
    return state / "advisories"


def _stored(documents: list[dict[str, Any]]) -> Iterator[None]:
    """Store other advisories, and then the former again."""
    path = _folder() / "pypi.json"
    before = path.read_bytes()
    store_advisories(settings.ENVIRONMENT.state, documents)
    yield
    path.write_bytes(before)


for _name, _version, _how in (
    (BY_RANGE, "1.0", "the first version of a vulnerable range"),
    (BY_LIST, "1.4.1", "a version that an advisory lists"),
    (BY_LAST, "1.4.9", "the last version that an advisory says is affected"),
):

    @breaks("sdl-advisories", f"installs {_how}")
    def _vulnerable(tools: Tools, name: str = _name, version: str = _version) -> Iterator[None]:
        _installed(tools, name, version)
        yield


@breaks("sdl-advisories", "installs a vulnerable version, and accepts another version of it")
def _other_version(tools: Tools) -> Iterator[None]:
    _installed(tools, BY_RANGE, "1.4")
    path = _folder() / "openvex.json"
    path.write_text(json.dumps(openvex(not_affected("TEST-1", f"pkg:pypi/{BY_RANGE}@1.3"))))
    yield
    path.unlink()


@breaks("sdl-advisories", "installs a vulnerable version whose statement is still under way")
def _under_investigation(tools: Tools) -> Iterator[None]:
    _installed(tools, BY_RANGE, "1.4")
    path = _folder() / "openvex.json"
    statement = not_affected("TEST-1", f"pkg:pypi/{BY_RANGE}@1.4")
    path.write_text(json.dumps(openvex({**statement, "status": "under_investigation"})))
    yield
    path.unlink()


@blinds("sdl-advisories", "has no advisories imported")
def _none(tools: Tools) -> Iterator[None]:
    path = _folder() / "pypi.json"
    path.rename(tools.folder / "pypi.json")
    yield
    (tools.folder / "pypi.json").rename(path)


@blinds("sdl-advisories", "imports advisories of eight days ago")
def _old(tools: Tools) -> Iterator[None]:
    del tools
    yield from _stored(usual(clock.now() - timedelta(days=8)))


@blinds("sdl-advisories", "imports advisories of the day after tomorrow")
def _future(tools: Tools) -> Iterator[None]:
    del tools
    yield from _stored(usual(clock.now() + timedelta(days=2)))


@blinds("sdl-advisories", "imports an archive without the advisories of a package that has many")
def _too_few(tools: Tools) -> Iterator[None]:
    del tools
    yield from _stored(usual(clock.now())[1:])


@blinds("sdl-advisories", "has the matcher take ranges for larger than they are")
def _matcher(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(advisories, "affects", lambda *_arguments: True)
    yield


@blinds("sdl-advisories", "stores statements that can't be read")
def _no_statements(tools: Tools) -> Iterator[None]:
    del tools
    path = _folder() / "openvex.json"
    path.write_text("no statements")
    yield
    path.unlink()
