"""The settings of single sign-on."""

from __future__ import annotations

import re
from collections.abc import Mapping
from pathlib import Path
from urllib.parse import urlsplit

from theseller.accounts.oidc.types import OidcAudience, OidcSettings
from theseller.config.environment import EnvironmentKind, InvalidSettingError
from theseller.lib.ip_networks_and_proxies import is_loopback

_HOST = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")
_VALUE = re.compile(r"[!-~]{1,200}")
_NAME_MAX = 40
#: Methods that are no second factor (RFC 8176): what a person knows, and less.
_NO_FACTOR = frozenset({"geo", "kba", "pin", "pwd", "rba", "user"})
_OTHERS = (
    "THESELLER_OIDC_CLIENT_ID", "THESELLER_OIDC_NAME", "THESELLER_OIDC_FOR",
    "THESELLER_OIDC_HOSTS", "THESELLER_OIDC_AMR", "THESELLER_OIDC_ACR", "THESELLER_OIDC_CA_FILE",
)  # fmt: skip


def read_oidc_settings(environ: Mapping[str, str], kind: EnvironmentKind) -> OidcSettings:
    """Read the `THESELLER_OIDC_…` variables; without an issuer there is none.

    Args:
        environ: the variables of the process.
        kind: in a demo and a test a provider on this machine may be without TLS.

    Raises:
        InvalidSettingError: names the variable and what it may be.
    """
    issuer = environ.get("THESELLER_OIDC_ISSUER", "")
    values = {name: environ.get(name, "").strip() for name in _OTHERS}
    if not issuer:
        if any(values.values()):
            raise InvalidSettingError(
                "THESELLER_OIDC_… settings need THESELLER_OIDC_ISSUER, the issuer identifier of"
                " the identity provider"
            )
        return OidcSettings()
    _check_issuer(issuer, kind)
    amr, acr = (_list(name, values[name], _VALUE) for name in _OTHERS[4:6])
    if found := sorted(_NO_FACTOR.intersection(amr)):
        raise InvalidSettingError(
            f"THESELLER_OIDC_AMR names {found[0]}, which is no second factor: name methods such as"
            " mfa, otp, hwk or swk"
        )
    ca_file = values["THESELLER_OIDC_CA_FILE"]
    if ca_file and not Path(ca_file).is_absolute():
        raise InvalidSettingError("THESELLER_OIDC_CA_FILE must be the absolute path of a PEM file")
    return OidcSettings(
        issuer,
        _client_id(values["THESELLER_OIDC_CLIENT_ID"]),
        _name(values["THESELLER_OIDC_NAME"]),
        _audience(values["THESELLER_OIDC_FOR"]),
        _list("THESELLER_OIDC_HOSTS", values["THESELLER_OIDC_HOSTS"].lower(), _HOST),
        amr or (() if acr else ("mfa",)),
        acr,
        ca_file,
    )


def _check_issuer(issuer: str, kind: EnvironmentKind) -> None:
    try:
        parts = urlsplit(issuer)
        host, _port = parts.hostname or "", parts.port
    except ValueError:
        host, parts = "", urlsplit("")
    plain = parts.scheme == "http" and not kind.guarded and is_loopback(host)
    if (
        not host
        or not (parts.scheme == "https" or plain)
        or parts.username is not None
        or parts.query
        or parts.fragment
        or not issuer.isascii()
        or not issuer.isprintable()
    ):
        raise InvalidSettingError(
            "THESELLER_OIDC_ISSUER must be the provider's issuer identifier, an https:// address"
            " such as https://login.example.com/realms/acme"
        )


def _client_id(text: str) -> str:
    if not _VALUE.fullmatch(text):
        raise InvalidSettingError(
            "THESELLER_OIDC_CLIENT_ID must be the client id that the identity provider shows:"
            " THESELLER_OIDC_ISSUER needs it"
        )
    return text


def _name(text: str) -> str:
    if len(text) > _NAME_MAX or not text.isprintable():
        raise InvalidSettingError(
            f"THESELLER_OIDC_NAME has at most {_NAME_MAX} printable characters"
        )
    return text or "single sign-on"


def _audience(text: str) -> OidcAudience:
    try:
        return OidcAudience(text or OidcAudience.OPERATORS)
    except ValueError:
        raise InvalidSettingError("THESELLER_OIDC_FOR must be `operators` or `everyone`") from None


def _list(name: str, text: str, form: re.Pattern[str]) -> tuple[str, ...]:
    found = tuple(one.strip() for one in text.split(",") if one.strip())
    if not all(form.fullmatch(one) for one in found):
        raise InvalidSettingError(f"{name} lists values with commas between (settings.md)")
    return found
