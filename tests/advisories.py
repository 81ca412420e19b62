"""Advisories in OSV's format, and statements in OpenVEX's, for tests."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path
from typing import Any

from theseller.lib import clock
from theseller.releases.advisories import read_archive, snapshot_bytes

#: Packages that are installed nowhere, each with a vulnerability in versions 1.0 up to 1.5.
BY_RANGE, BY_LIST, BY_LAST = "tests-by-range", "tests-by-list", "tests-by-last"


def osv(
    identity: str, name: str, *, at: datetime, events: Iterable[dict[str, str]] = (),
    versions: Iterable[str] = (), **more: object,
) -> dict[str, Any]:  # fmt: skip
    """Return an advisory as OSV writes it (schema 1.6)."""
    ranges = [{"type": "ECOSYSTEM", "events": list(events)}] if events else []
    return {
        "schema_version": "1.6.0", "id": identity, "modified": at.isoformat(),
        "aliases": [f"CVE-{identity}"], "summary": f"A vulnerability of {name}", "details": "",
        "affected": [{
            "package": {"ecosystem": "PyPI", "name": name, "purl": f"pkg:pypi/{name}"},
            "ranges": ranges, "versions": list(versions),
        }],
        **more,
    }  # fmt: skip


def usual(at: datetime) -> list[dict[str, Any]]:
    """Return the advisories of an archive that can be used."""
    introduced = {"introduced": "1.0"}
    return [
        osv("PYSEC-2021-439", "Django", at=at, events=[{"introduced": "3.2"}, {"fixed": "3.2.10"}]),
        osv("TEST-1", BY_RANGE, at=at, events=[introduced, {"fixed": "1.5"}]),
        osv("TEST-2", BY_LIST, at=at, versions=["1.4", "1.4.1"]),
        osv("TEST-3", BY_LAST, at=at, events=[introduced, {"last_affected": "1.4.9"}]),
    ]


def write_archive(path: Path, documents: Iterable[dict[str, Any]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        for document in documents:
            archive.writestr(f"{document['id']}.json", json.dumps(document))
    return path


def openvex(*statements: dict[str, Any]) -> dict[str, Any]:
    return {
        "@context": "https://openvex.dev/ns/v0.2.0", "@id": "https://example.com/vex/1",
        "author": "Operator", "timestamp": "2026-11-29T10:00:00Z", "version": 1,
        "statements": list(statements),
    }  # fmt: skip


def not_affected(vulnerability: str, *purls: str) -> dict[str, Any]:
    return {
        "vulnerability": {"name": vulnerability},
        "products": [{"@id": purl} for purl in purls],
        "status": "not_affected", "justification": "vulnerable_code_not_in_execute_path",
    }  # fmt: skip


def store_advisories(state: Path, documents: Iterable[dict[str, Any]]) -> Path:
    """Store a snapshot as the import does, without its checks; return the folder."""
    folder = state / "advisories"
    folder.mkdir(mode=0o700, exist_ok=True)
    archive = write_archive(folder / "all.zip", documents)
    (folder / "pypi.json").write_bytes(snapshot_bytes(read_archive(archive)))
    archive.unlink()
    return folder


@contextmanager
def imported_advisories(state: Path) -> Iterator[None]:
    """Give a state folder advisories of today, for a while."""
    folder = store_advisories(state, usual(clock.now()))
    yield
    shutil.rmtree(folder)
