"""The steps that `theseller setup` leaves to a person."""

from __future__ import annotations

from pathlib import Path

import pytest

from theseller.cli.commands.setup import refuse_invalid
from theseller.cli.errors import CommandError
from theseller.cli.setup_questions import answers
from theseller.cli.setup_remaining_steps import remaining_steps

_CONFIG = Path("/etc/theseller/theseller.env")
_ANSWERS = {
    "THESELLER_PUBLIC_URL": "https://shop.example",
    "THESELLER_SECURITY_OFFICER": "Ada Lovelace",
    "THESELLER_SECURITY_CONTACT": "security@shop.internal",
    "THESELLER_LEGAL_ENTITY": "Shop GmbH",
    "THESELLER_LEGAL_ADDRESS": "Example Street 1, 10115 Berlin",
    "THESELLER_BACKUPS": "/mnt/backups",
}
_AMAZON = {
    "THESELLER_LWA_CLIENT_ID": "amzn1.application-oa2-client.0123456789abcdef",
    "THESELLER_APPLICATION_ID": "amzn1.sp.solution.0123456789abcdef",
}
_EMULATED = {"THESELLER_ENV": "staging", "THESELLER_AMAZON": "emulator:http://192.0.2.7:8101"}
_MAIL = {
    "THESELLER_MAIL_URL": "smtp://user@mail.acme.example:587",
    "THESELLER_MAIL_FROM": "analytics@acme.example",
}
_MANAGED = {"DATABASE_URL": "postgresql://db.cloud.example/theseller?sslmode=verify-full"}
_ADMINISTRATORS = "THESELLER_DATABASE_ADMINISTRATORS=cloud_admin"


def _steps(*parts: dict[str, str], administrators: str = "") -> str:
    settings = answers({name: one for part in parts for name, one in part.items()}, {}, ask=False)
    given = ["lwa-client-secret", *(["smtp-password"] if _MAIL in parts else [])]
    return remaining_steps(_CONFIG, settings, refuse_invalid(settings), given, administrators)


def test_an_installation_with_amazon_needs_its_secret_and_addresses() -> None:
    printed = _steps(_ANSWERS, _AMAZON)
    assert (
        " 1. Store what other services issued: theseller secrets put lwa-client-secret\n" in printed
    )
    assert "https://shop.example/connections/callback/" in printed
    for absent in ("emulated", "--subprocessors", "ADMINISTRATORS", "smtp-password"):
        assert absent not in printed


def test_a_managed_database_and_a_mail_server_are_third_parties() -> None:
    printed = _steps(_ANSWERS, _AMAZON, _MAIL, _MANAGED, administrators=_ADMINISTRATORS)
    assert f"add the line to {_CONFIG}:\n    {_ADMINISTRATORS}\n" in printed
    assert (
        "who is behind db.cloud.example, mail.acme.example: theseller setup --subprocessors"
        in printed
    )
    assert "secrets put smtp-password" in printed
    listed = {"THESELLER_SUBPROCESSORS": "Cloud: db.cloud.example; Mail: mail.acme.example"}
    declared = dict([_ADMINISTRATORS.split("=")])
    settings = answers({**_ANSWERS, **_AMAZON, **_MAIL, **_MANAGED}, {}, ask=False)
    settings |= listed | declared
    again = remaining_steps(_CONFIG, settings, refuse_invalid(settings), [], _ADMINISTRATORS)
    assert "--subprocessors" not in again
    assert "ADMINISTRATORS" not in again


def test_a_list_of_subprocessors_that_is_none_is_refused_before_it_is_written() -> None:
    given = {"THESELLER_SUBPROCESSORS": "Mail: mail.acme.example, other.example"}
    settings = answers({**_ANSWERS, **_AMAZON, **given}, {}, ask=False)
    with pytest.raises(CommandError, match="THESELLER_SUBPROCESSORS lists third parties"):
        refuse_invalid(settings)


def test_a_rehearsal_needs_no_application_at_amazon() -> None:
    printed = _steps(_ANSWERS, _EMULATED)
    assert "Start the emulated Amazon" in printed
    assert "Developer Central" not in printed
    assert "lwa-client-secret" not in printed


def test_production_asks_for_the_application_and_a_rehearsal_does_not() -> None:
    with pytest.raises(Exception, match="--lwa-client-id, --application-id"):
        answers(_ANSWERS, {}, ask=False)
    found = answers({**_ANSWERS, **_EMULATED}, {}, ask=False)
    assert "THESELLER_LWA_CLIENT_ID" not in found
