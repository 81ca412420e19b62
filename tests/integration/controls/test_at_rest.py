"""What net-at-rest says where it can't see, and what a declaration changes.

Also what the database's pages show.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from django.conf import settings
from tests.cast import Cast
from tests.sabotage.deployment import connect
from tests.sabotage.machine import encrypted_machine, put

from theseller.controls.catalogue.net_at_rest import probe
from theseller.controls.probe_tools.database_page_search import search_database_pages
from theseller.controls.probe_tools.probe_context import ProbeContext, live_context
from theseller.controls.types import Failed, Outcome, Passed, Unknown
from theseller.lib import clock
from theseller.lib.marketplaces import Region

_DECLARED = "Example Cloud, default encryption"


@pytest.fixture
def context(cast: Cast, tmp_path: Path) -> ProbeContext:
    """Return a deployment on an encrypted disk, with a sealed token.

    Its database's files are not below its state folder.
    """
    connect(cast.alices_shop, cast.alice.id, Region.NA)
    return replace(live_context(clock.now()), machine=encrypted_machine(tmp_path))


def _declare(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        settings, "ENVIRONMENT", replace(settings.ENVIRONMENT, volumes_encrypted_by=_DECLARED)
    )


def _virtual(context: ProbeContext) -> None:
    """Take the encryption away, on a machine whose disks are virtual."""
    put(context.machine.root / "sys/devices/virtual/block/dm-0/dm/uuid", "LVM-1")
    put(context.machine.root / "proc/cpuinfo", "flags : fpu hypervisor\n")


def _elsewhere(patch: pytest.MonkeyPatch) -> None:
    patch.setattr(
        settings,
        "ENVIRONMENT",
        replace(
            settings.ENVIRONMENT, database_url="postgresql://db.example:5432/x?sslmode=verify-full"
        ),
    )


def _why(outcome: Outcome) -> str:
    assert isinstance(outcome, Unknown), outcome
    return outcome.reason


def test_encryption_at_rest_passes_on_a_luks_volume(context: ProbeContext) -> None:
    outcome = probe(context)
    assert isinstance(outcome, Passed), outcome
    assert "dm-crypt (LUKS2)" in outcome.summary


def test_encryption_at_rest_is_unknown_on_a_virtual_disk_with_advice(context: ProbeContext) -> None:
    _virtual(context)
    why = _why(probe(context))
    assert "can't be seen from here" in why
    assert "LUKS, ZFS, fscrypt or FileVault" in why
    assert len(why) <= 500, "the page would cut it"


def test_declared_volume_encryption_is_shown_as_not_proven(
    context: ProbeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _declare(monkeypatch)
    _virtual(context)
    why = _why(probe(context))
    assert f'Declared by the operator, not proven by us: "{_DECLARED}"' in why
    assert len(why) <= 500


def test_declared_volume_encryption_does_not_hide_a_plain_disk(
    context: ProbeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _declare(monkeypatch)
    put(context.machine.root / "sys/devices/virtual/block/dm-0/dm/uuid", "LVM-1")
    outcome = probe(context)
    assert isinstance(outcome, Failed)
    assert "Not encrypted" in outcome.evidence


def test_disk_of_an_external_database_is_unknown(
    context: ProbeContext, monkeypatch: pytest.MonkeyPatch
) -> None:
    _elsewhere(monkeypatch)
    why = _why(probe(context))
    assert "the database on a server whose disk we can't see" in why
    assert "the tables' files can't be read from here" in why
    _declare(monkeypatch)
    assert "not proven by us" in _why(probe(context))
    assert not search_database_pages(context).readable
