"""The settings of mail: what is accepted, and what stops the start."""

from __future__ import annotations

import pytest

from theseller.config.environment import EnvironmentKind, InvalidSettingError
from theseller.config.mail_settings import read_mail_settings
from theseller.mail.types import MailMode, MailServer, TlsMode

_FROM = {"THESELLER_MAIL_FROM": "Acme Analytics <analytics@acme.example>"}
_PRODUCTION, _DEMO = EnvironmentKind.PRODUCTION, EnvironmentKind.DEMO


def test_without_a_server_production_sends_nothing_and_a_demo_has_an_inbox() -> None:
    assert read_mail_settings({}, _PRODUCTION).mode is MailMode.OFF
    assert read_mail_settings({}, _DEMO).mode is MailMode.INBOX


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtp://mail.example", MailServer("mail.example", 587, TlsMode.STARTTLS)),
        (
            "smtps://a%40b.example@mail.example",
            MailServer("mail.example", 465, TlsMode.IMPLICIT, "a@b.example"),
        ),
        ("smtp://user@mail.example:25", MailServer("mail.example", 25, TlsMode.STARTTLS, "user")),
    ],
)
def test_servers(url: str, server: MailServer) -> None:
    found = read_mail_settings({"THESELLER_MAIL_URL": url, **_FROM}, _PRODUCTION)
    assert (found.mode, found.server) == (MailMode.SMTP, server)
    assert (found.sender_name, found.sender) == ("Acme Analytics", "analytics@acme.example")


@pytest.mark.parametrize(
    "url",
    [
        "mail.example", "http://mail.example", "smtp://", "smtp://user:password@mail.example",
        "smtp://mail.example/path", "smtp://mail.example:port", "smtp://mail.example?tls=off",
        "smtp://mail.example?verify=no", "smtps://mail.example#x", "inbox", "smtp://[::1",
    ],
)  # fmt: skip
def test_wrong_servers_stop_the_start(url: str) -> None:
    with pytest.raises(InvalidSettingError, match="THESELLER_MAIL_URL"):
        read_mail_settings({"THESELLER_MAIL_URL": url, **_FROM}, _PRODUCTION)


@pytest.mark.parametrize(
    ("url", "kind"),
    [
        ("smtp://127.0.0.1:1025?tls=none", _PRODUCTION),
        ("smtp://127.0.0.1:1025?tls=none", EnvironmentKind.STAGING),
        ("smtp://mail.example?tls=none", _DEMO),
        ("smtp://10.0.0.1?tls=none", _DEMO),
    ],
)
def test_mail_without_tls_stays_on_this_machine_and_in_a_demo(
    url: str, kind: EnvironmentKind
) -> None:
    with pytest.raises(InvalidSettingError, match="tls=none"):
        read_mail_settings({"THESELLER_MAIL_URL": url, **_FROM}, kind)
    here = read_mail_settings(
        {"THESELLER_MAIL_URL": "smtp://127.0.0.1:1025?tls=none", **_FROM}, _DEMO
    )
    assert here.server is not None
    assert here.server.tls is TlsMode.NONE


@pytest.mark.parametrize("sender", ["", "Acme", "a@b@c.example", "Acme <x@marketplace.amazon.de>"])
def test_the_sender_must_be_an_address(sender: str) -> None:
    with pytest.raises(InvalidSettingError, match="THESELLER_MAIL_FROM"):
        read_mail_settings(
            {"THESELLER_MAIL_URL": "smtp://mail.example", "THESELLER_MAIL_FROM": sender},
            _PRODUCTION,
        )


def test_authorities_are_addresses_and_no_relay() -> None:
    found = read_mail_settings(
        {"THESELLER_MAIL_AUTHORITIES": "Security@Amazon.example, cert@state.example"}, _PRODUCTION
    )
    assert found.authorities == ("security@amazon.example", "cert@state.example")
    for wrong in ("no-domain", "x@marketplace.amazon.de"):
        with pytest.raises(InvalidSettingError, match="THESELLER_MAIL_AUTHORITIES"):
            read_mail_settings({"THESELLER_MAIL_AUTHORITIES": wrong}, _PRODUCTION)


def test_the_file_of_authorities_has_an_absolute_path() -> None:
    with pytest.raises(InvalidSettingError, match="THESELLER_MAIL_CA_FILE"):
        read_mail_settings(
            {"THESELLER_MAIL_URL": "smtp://mail.example", "THESELLER_MAIL_CA_FILE": "ca.pem"}
            | _FROM,
            _PRODUCTION,
        )
