"""What the journal reads from a key store."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path
from types import SimpleNamespace
from typing import cast

import pytest

from theseller.crypto.key_store_protocol import KeyStore
from theseller.erasure.journal import Journal, read_key_store
from theseller.erasure.types import JournalEntry, JournalLink, SubjectKind
from theseller.lib.ids import new_id

NOON = datetime(2026, 11, 20, 12, tzinfo=UTC)


@pytest.mark.parametrize("kind", [SubjectKind.USER, SubjectKind.TENANT])
@pytest.mark.parametrize("backward", [False, True])
def test_links_of_an_entry_are_read_in_whatever_order_one_millisecond_lists_them(
    tmp_path: Path,
    kind: SubjectKind,
    backward: bool,  # noqa: FBT001 - a parameter of the test
) -> None:
    owners: list[str] = []

    def create(_purpose: object, owner: str) -> SimpleNamespace:
        owners.append(owner)
        return SimpleNamespace(id=new_id())

    def listed() -> list[SimpleNamespace]:
        records = [SimpleNamespace(id=new_id(), owner=owner) for owner in owners]
        return records[::-1] if backward else records

    keys = cast("KeyStore", SimpleNamespace(create=create, destroy=lambda _key: None, list=listed))
    entry = JournalEntry(
        kind, new_id(), NOON, own_request=True, links=(JournalLink(b"hash", NOON, NOON),)
    )
    Journal(keys, tmp_path).publish(entry)
    assert read_key_store(keys).entries[kind] == {entry.id: entry}
