"""The configuration file: what it may hold, who may read it, what wins."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from theseller.config import config_file
from theseller.config.config_file import (
    CONFIG_FILE,
    config_text,
    is_trusted_owner,
    load_config_file,
    parse_config,
)
from theseller.config.environment import InvalidSettingError
from theseller.config.operator_on_security_page import (
    read_operator_identity,
    require_operator_identity,
)

_TEXT = (
    "# a comment\n\nTHESELLER_ENV=production\nTHESELLER_LEGAL_ADDRESS = Example Street 1, Berlin \n"
)


def _file(folder: Path, text: str, mode: int = 0o640) -> Path:
    path = folder / "theseller.env"
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)
    return path


def test_file_is_read_and_the_environment_wins(tmp_path: Path) -> None:
    environ = {CONFIG_FILE: str(_file(tmp_path, _TEXT)), "THESELLER_ENV": "staging"}
    load_config_file(environ)
    assert environ["THESELLER_ENV"] == "staging"
    assert environ["THESELLER_LEGAL_ADDRESS"] == "Example Street 1, Berlin"


def test_nothing_is_read_without_the_variable() -> None:
    environ: dict[str, str] = {}
    load_config_file(environ)
    assert environ == {}


@pytest.mark.parametrize("mode", [0o644, 0o660, 0o641, 0o666])
def test_file_that_others_may_read_or_change_is_refused(tmp_path: Path, mode: int) -> None:
    path = _file(tmp_path, _TEXT, mode)
    with pytest.raises(InvalidSettingError, match="chmod 0640"):
        load_config_file({CONFIG_FILE: str(path)})


def test_file_of_another_account_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = _file(tmp_path, _TEXT)
    monkeypatch.setattr(os, "geteuid", lambda: 4711)
    assert is_trusted_owner(0)
    assert is_trusted_owner(4711)
    assert not is_trusted_owner(4712)
    monkeypatch.setattr(config_file, "is_trusted_owner", lambda uid: uid != path.stat().st_uid)
    with pytest.raises(InvalidSettingError, match="belongs to another account: run `chown root"):
        load_config_file({CONFIG_FILE: str(path)})


@pytest.mark.parametrize("mode", [0o640, 0o600, 0o440, 0o400])
def test_file_that_only_owner_and_group_read_is_accepted(tmp_path: Path, mode: int) -> None:
    environ = {CONFIG_FILE: str(_file(tmp_path, _TEXT, mode))}
    load_config_file(environ)
    assert environ["THESELLER_ENV"] == "production"


def test_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(InvalidSettingError, match="can't be read: No such file"):
        load_config_file({CONFIG_FILE: str(tmp_path / "none.env")})


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("THESELLER_PUBLIC_ULR=https://shop.example", "THESELLER_PUBLIC_ULR is no setting"),
        ("THESELLER_DB_WEB=canary", "THESELLER_DB_WEB is no setting"),
        ("THESELLER_SECRETS=canary", "THESELLER_SECRETS is no setting"),
        ("THESELLER_ADMIN_URL=canary", "THESELLER_ADMIN_URL is no setting"),
        ("PATH=/tmp", "PATH is no setting"),
        ("THESELLER_ENV=staging", "THESELLER_ENV is set twice"),
        ("canary", "this line is no setting"),
    ],
)
def test_line_that_is_no_setting_is_refused_by_number_without_its_value(
    line: str, said: str
) -> None:
    with pytest.raises(InvalidSettingError, match=f"line 5 of .*{said}") as refusal:
        parse_config(_TEXT + line, Path("/etc/theseller/theseller.env"))
    assert "canary" not in str(refusal.value)


def test_text_that_is_written_is_read_again() -> None:
    settings = {"THESELLER_ENV": "staging", "THESELLER_LEGAL_ENTITY": 'A "B" = C # D'}
    text = config_text(settings, {"THESELLER_ENV": "What it is for"})
    assert parse_config(text, Path("x")) == settings
    assert "# What it is for\nTHESELLER_ENV=staging" in text


def test_operator_identity_is_read_and_checked() -> None:
    environ = {
        "THESELLER_SECURITY_OFFICER": "Ada Lovelace",
        "THESELLER_SECURITY_CONTACT": "security@shop.example",
        "THESELLER_LEGAL_ENTITY": "Shop GmbH",
    }
    assert not read_operator_identity(environ).complete
    assert read_operator_identity(environ | {"THESELLER_LEGAL_ADDRESS": "Berlin"}).complete
    for name, text in (
        ("THESELLER_SECURITY_CONTACT", "no address"),
        ("THESELLER_LEGAL_ENTITY", "x" * 201),
        ("THESELLER_LEGAL_ADDRESS", "a\nb"),
    ):
        with pytest.raises(InvalidSettingError, match=name):
            read_operator_identity(environ | {name: text})


_IDENTITY = {
    "THESELLER_SECURITY_OFFICER": "Ada Lovelace",
    "THESELLER_SECURITY_CONTACT": "security@shop.internal",
    "THESELLER_LEGAL_ENTITY": "Shop GmbH",
    "THESELLER_LEGAL_ADDRESS": "Example Street 1, Berlin",
}


@pytest.mark.parametrize("kind", ["production", "staging"])
def test_production_needs_the_operators_real_texts(kind: str) -> None:
    require_operator_identity(_IDENTITY | {"THESELLER_ENV": kind})
    for name, text in (
        ("THESELLER_SECURITY_OFFICER", ""),
        ("THESELLER_SECURITY_OFFICER", "TODO"),
        ("THESELLER_SECURITY_CONTACT", "security@example.com"),
        ("THESELLER_SECURITY_CONTACT", "security@mail.shop.example"),
        ("THESELLER_LEGAL_ENTITY", "<company>"),
        ("THESELLER_LEGAL_ENTITY", " - "),
        ("THESELLER_LEGAL_ADDRESS", "to be changed (TBD)"),
    ):
        wrong = _IDENTITY | {name: text, "THESELLER_ENV": kind}
        with pytest.raises(InvalidSettingError, match=f"^{name}: {kind} needs the real text"):
            require_operator_identity(wrong)
    with pytest.raises(InvalidSettingError, match="THESELLER_LEGAL_ENTITY and THESELLER_LEGAL_ADD"):
        without = {**_IDENTITY, "THESELLER_LEGAL_ENTITY": "", "THESELLER_LEGAL_ADDRESS": ""}
        require_operator_identity(without | {"THESELLER_ENV": kind})


def test_demo_needs_no_texts_of_an_operator() -> None:
    require_operator_identity({"THESELLER_ENV": "demo"})
