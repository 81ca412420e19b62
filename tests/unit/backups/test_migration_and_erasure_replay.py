"""Commands in a restored database are repeated when a rotation came between them."""

from __future__ import annotations

import contextlib
import subprocess
from collections.abc import Iterator
from pathlib import Path
from types import SimpleNamespace
from typing import Any, cast

import pytest

from theseller.backups.isolated_restore_server import Quarantine
from theseller.backups.migration_and_erasure_replay import migrate_and_replay
from theseller.backups.types import BackupError

_ANSWER = "2 connections ended again\n1 to be authorized\n3 keys destroyed\n"
_REFUSED = "The database refuses a statement: the role lacks the right."


@contextlib.contextmanager
def _hidden() -> Iterator[str]:
    yield "quarantine"


_RESTORED = cast(
    "Quarantine", SimpleNamespace(hidden=_hidden, layout=SimpleNamespace(run=Path("/run")))
)


def _commands(monkeypatch: pytest.MonkeyPatch, outcomes: list[str]) -> list[str]:
    """Have each command end as the next of `outcomes` says; return the commands run."""
    run: list[str] = []

    def answer(command: list[str], **_options: Any) -> subprocess.CompletedProcess[str]:  # noqa: ANN401
        run.append(command[3])
        refusal = outcomes.pop(0)
        return subprocess.CompletedProcess(command, 1 if refusal else 0, _ANSWER, refusal)

    monkeypatch.setattr(subprocess, "run", answer)
    return run


def test_a_replay_that_met_a_replaced_key_is_repeated(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _commands(monkeypatch, ["", _REFUSED, _REFUSED, "", ""])
    assert migrate_and_replay(_RESTORED) == (2, 1, 3)
    assert run == ["migrate", "replay-erasures", "migrate", "migrate", "replay-erasures"]


def test_what_fails_each_time_is_a_fault_of_the_backup(monkeypatch: pytest.MonkeyPatch) -> None:
    run = _commands(monkeypatch, ["", _REFUSED] * 3)
    with pytest.raises(BackupError, match="lacks the right"):
        migrate_and_replay(_RESTORED)
    assert run == ["migrate", "replay-erasures"] * 3
