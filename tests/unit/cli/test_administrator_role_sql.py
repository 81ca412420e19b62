"""The SQL for an administrator of TheSeller's own, and where it is printed."""

from __future__ import annotations

import getpass
from pathlib import Path

import pytest

from theseller.cli.administrator_role_sql import ADMINISTRATOR, administrator_sql
from theseller.cli.commands.setup import _administrators, _prepare_database
from theseller.cli.errors import CommandError
from theseller.cli.main import main
from theseller.cli.setup_steps import Account, Steps


def test_setup_without_an_administrator_prints_the_sql_and_stops_until_the_tables_are_there(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], tmp_path: Path
) -> None:
    account = Account.named(getpass.getuser())
    steps = Steps(account, tmp_path / "theseller.env", tmp_path, embedded=False)
    monkeypatch.delenv("THESELLER_ADMIN_URL", raising=False)
    problems = ["theseller operator: the database does not exist"]
    commands: list[tuple[str, ...]] = []

    def run(_steps: Steps, *command: str) -> str:
        commands.append(command)
        return ""

    monkeypatch.setattr(Steps, "problem", lambda *_: "".join(problems[:1]))
    monkeypatch.setattr(Steps, "run", run)
    with pytest.raises(CommandError, match=r"needed once(.|\n)*the database does not exist"):
        _prepare_database(steps)
    assert administrator_sql(ADMINISTRATOR) in capsys.readouterr().out
    problems.clear()
    assert _prepare_database(steps) == ""
    assert "the administrator is not needed" in capsys.readouterr().out
    assert commands == []
    monkeypatch.setenv("THESELLER_ADMIN_URL", "postgresql://admin@db.example/")
    _prepare_database(steps)
    assert commands == [("migrate",)]


def test_setup_shows_which_administrators_to_declare(capsys: pytest.CaptureFixture[str]) -> None:
    line = _administrators(
        "created the roles of TheSeller\nthe administrator is no superuser: see\n"
        "THESELLER_DATABASE_ADMINISTRATORS=a,b\n  Applying x... OK\n"
    )
    assert line == "THESELLER_DATABASE_ADMINISTRATORS=a,b"
    assert capsys.readouterr().out == "database: the administrator is no superuser: see\n"
    assert _administrators("created the roles of TheSeller\n") == ""


@pytest.mark.parametrize("name", ["theseller_admin", "pg_x", 'a"b', "a b", "", "1a", "Admin"])
def test_names_that_are_no_role_of_ours_are_required(
    name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit):
        main(["postgres", "administrator-sql", "--name", name])
    assert "create role" not in capsys.readouterr().out


def test_another_name_is_used_everywhere(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["postgres", "administrator-sql", "--name", "installer"]) == 0
    printed = capsys.readouterr().out
    assert "create role installer;" in printed
    assert ADMINISTRATOR not in printed
