"""The settings of mail: server, sender, authorities that get notices."""

from __future__ import annotations

from collections.abc import Mapping
from email.utils import parseaddr
from pathlib import Path
from urllib.parse import parse_qs, unquote, urlsplit

from theseller.config.environment import EnvironmentKind, InvalidSettingError
from theseller.lib.ip_networks_and_proxies import is_loopback
from theseller.mail.recipient_address_checks import AddressRefusedError, checked_address
from theseller.mail.types import MailMode, MailServer, MailSettings, TlsMode

_PORTS = {"smtp": 587, "smtps": 465}
_FORM = (
    "THESELLER_MAIL_URL must be smtp://USER@HOST:587 (STARTTLS), smtps://USER@HOST:465 (TLS from"
    " the first byte), or none; the password is the secret smtp-password, not a part of the address"
)
_NAME_MAX = 60


def read_mail_settings(environ: Mapping[str, str], kind: EnvironmentKind) -> MailSettings:
    """Read the `THESELLER_MAIL_…` variables.

    Args:
        environ: the variables of the process.
        kind: a demo and a test deliver to an inbox on this machine by default.

    Raises:
        InvalidSettingError: names the variable and what it may be.
    """
    authorities = _authorities(environ.get("THESELLER_MAIL_AUTHORITIES", ""))
    url = environ.get("THESELLER_MAIL_URL") or ("none" if kind.guarded else "inbox")
    if url == "none":
        return MailSettings(MailMode.OFF, authorities=authorities)
    if url == "inbox" and not kind.guarded:
        return MailSettings(
            MailMode.INBOX,
            sender="theseller@demo.example",
            sender_name="TheSeller",
            authorities=authorities,
        )
    name, sender = _sender(environ.get("THESELLER_MAIL_FROM", ""))
    return MailSettings(
        MailMode.SMTP,
        server=_server(url, environ.get("THESELLER_MAIL_CA_FILE", ""), kind),
        sender=sender,
        sender_name=name,
        authorities=authorities,
    )


def _server(url: str, ca_file: str, kind: EnvironmentKind) -> MailServer:
    try:
        parts = urlsplit(url)
        port = parts.port
    except ValueError:
        raise InvalidSettingError(_FORM) from None
    options = parse_qs(parts.query)
    if (
        parts.scheme not in _PORTS
        or not parts.hostname
        or parts.password is not None
        or parts.path not in {"", "/"}
        or parts.fragment
        or not set(options) <= {"tls"}
    ):
        raise InvalidSettingError(_FORM)
    tls = TlsMode.IMPLICIT if parts.scheme == "smtps" else TlsMode.STARTTLS
    if options.get("tls") == ["none"]:
        if kind.guarded or not is_loopback(parts.hostname):
            raise InvalidSettingError(
                "THESELLER_MAIL_URL with ?tls=none is for a server on this machine, in a demo or a"
                " test only: mail to another host is encrypted"
            )
        tls = TlsMode.NONE
    elif options:
        raise InvalidSettingError(_FORM)
    if ca_file and not Path(ca_file).is_absolute():
        raise InvalidSettingError("THESELLER_MAIL_CA_FILE must be the absolute path of a PEM file")
    return MailServer(
        parts.hostname, port or _PORTS[parts.scheme], tls, unquote(parts.username or ""), ca_file
    )


def _sender(text: str) -> tuple[str, str]:
    name, address = parseaddr(text)
    try:
        sender = checked_address(address)
    except AddressRefusedError:
        raise InvalidSettingError(
            "THESELLER_MAIL_FROM must be the address that mail comes from, such as `Acme Analytics"
            " <analytics@acme.example>`: THESELLER_MAIL_URL needs it"
        ) from None
    if len(name) > _NAME_MAX or not name.isprintable():
        raise InvalidSettingError(
            f"the name in THESELLER_MAIL_FROM has at most {_NAME_MAX} printable characters"
        )
    return name or "TheSeller", sender


def _authorities(text: str) -> tuple[str, ...]:
    try:
        return tuple(checked_address(one) for one in text.split(",") if one.strip())
    except AddressRefusedError as error:
        raise InvalidSettingError(
            "THESELLER_MAIL_AUTHORITIES lists addresses outside of this deployment that may get"
            f" notices, with commas between: {error}"
        ) from None
