"""What a state folder is before `migrate`.

Whichever command comes first, it leaves a folder that the others accept.
"""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.cli.errors import CommandError
from theseller.cli.main import main
from theseller.cli.state_folders import is_state_folder, make_state_folder


def test_serve_before_migrate_leaves_a_folder_that_is_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    state = tmp_path / "state"
    monkeypatch.setenv("THESELLER_STATE", str(state))
    monkeypatch.setenv("THESELLER_ENV", "demo")
    monkeypatch.setenv("DATABASE_URL", "")
    assert main(["serve", "--port", "0"]) != 0
    assert not state.exists() or is_state_folder(state)
    make_state_folder(state)


def test_the_empty_folder_of_an_earlier_serve_is_taken_over(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THESELLER_ENV", "demo")
    (tmp_path / "static").mkdir()
    make_state_folder(tmp_path)
    assert is_state_folder(tmp_path)


def test_a_foreign_folder_and_a_file_are_refused(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("THESELLER_ENV", "demo")
    (tmp_path / "static").mkdir()
    (tmp_path / "static" / "mine.css").touch()
    with pytest.raises(CommandError, match="not a state folder"):
        make_state_folder(tmp_path)
    with pytest.raises(CommandError, match="is a file"):
        make_state_folder(tmp_path / "static" / "mine.css")
