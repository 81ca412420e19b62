"""`theseller rotate` says what is wrong with its arguments, before it touches anything."""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.cli.commands.rotate import _secret_in
from theseller.cli.errors import CommandError
from theseller.cli.main import main
from theseller.crypto.errors import UnsafePermissionsError


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "Say which secrets"),
        (["--list", "db-web"], "Say which secrets"),
        (["--leaked"], "Say which secrets"),
        (["db-web", "--new-from-file", "x"], "lwa-client-secret alone"),
    ],
)
def test_rotate_with_invalid_arguments_exits_2(
    arguments: list[str], words: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["rotate", *arguments]) == 2
    assert words in capsys.readouterr().err


def test_rotate_note_age_refuses_a_date_that_is_not_iso(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["rotate", "db-web", "--created-on", "23.11.2026"])
    assert "2026-11-23" in capsys.readouterr().err


def test_a_new_secret_is_read_from_a_file_that_is_ours_alone(tmp_path: Path) -> None:
    file = tmp_path / "new"
    with pytest.raises(CommandError, match="cannot be read"):
        _secret_in(file)
    file.touch(mode=0o600)
    with pytest.raises(CommandError, match="one client secret"):
        _secret_in(file)
    file.write_text("amzn1.oa2-cs.v1.test\n")
    assert _secret_in(file).reveal() == "amzn1.oa2-cs.v1.test"
    file.chmod(0o644)
    with pytest.raises(UnsafePermissionsError, match="chmod 600"):
        _secret_in(file)
