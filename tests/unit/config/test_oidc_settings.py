"""The settings of single sign-on."""

from __future__ import annotations

import pytest

from theseller.accounts.oidc.types import OidcAudience, OidcSettings
from theseller.amazon.endpoints import Endpoints
from theseller.config.egress_and_subprocessors import destinations
from theseller.config.environment import EnvironmentKind, InvalidSettingError
from theseller.config.oidc_settings import read_oidc_settings

ISSUER = "https://login.example.com/realms/acme"
LEAST = {"THESELLER_OIDC_ISSUER": ISSUER, "THESELLER_OIDC_CLIENT_ID": "theseller"}


def _read(**environ: str) -> OidcSettings:
    given = {f"THESELLER_OIDC_{name}": value for name, value in environ.items()}
    return read_oidc_settings(LEAST | given, EnvironmentKind.PRODUCTION)


def test_there_is_no_provider_by_default() -> None:
    found = read_oidc_settings({}, EnvironmentKind.PRODUCTION)
    assert (found, found.configured) == (OidcSettings(), False)
    with pytest.raises(InvalidSettingError, match="need THESELLER_OIDC_ISSUER"):
        read_oidc_settings({"THESELLER_OIDC_FOR": "everyone"}, EnvironmentKind.PRODUCTION)


def test_a_second_factor_is_required_of_operators_by_default() -> None:
    found = _read()
    assert found.configured
    assert (found.audience, found.amr, found.acr) == (OidcAudience.OPERATORS, ("mfa",), ())
    found = _read(ACR="gold,silver", FOR="everyone", HOSTS="Keys.example.com", NAME="Acme")
    assert (found.amr, found.acr) == ((), ("gold", "silver"))
    assert (found.audience, found.hosts, found.name) == (
        OidcAudience.EVERYONE, ("keys.example.com",), "Acme",
    )  # fmt: skip
    assert _read(AMR="otp, hwk", ACR="gold").amr == ("otp", "hwk")


@pytest.mark.parametrize(
    ("environ", "said"),
    [
        ({"ISSUER": "http://login.example.com"}, "https://"),
        ({"ISSUER": "https://user@login.example.com"}, "https://"),
        ({"ISSUER": "https://login.example.com/?x"}, "https://"),
        ({"ISSUER": "https://[x"}, "https://"),
        ({"ISSUER": "login.example.com"}, "https://"),
        ({"ISSUER": "http://127.0.0.1:1"}, "https://"),
        ({"CLIENT_ID": ""}, "CLIENT_ID"),
        ({"CLIENT_ID": "a b"}, "CLIENT_ID"),
        ({"FOR": "members"}, "`operators` or `everyone`"),
        ({"AMR": "pwd"}, "no second factor"),
        ({"AMR": "mfa,pin"}, "no second factor"),
        ({"HOSTS": "https://x.example"}, "HOSTS"),
        ({"NAME": "x" * 41}, "NAME"),
        ({"CA_FILE": "ca.pem"}, "absolute"),
    ],
)
def test_wrong_settings_are_refused_with_their_name(environ: dict[str, str], said: str) -> None:
    with pytest.raises(InvalidSettingError, match=said):
        _read(**environ)


def test_a_test_may_use_a_provider_on_this_machine() -> None:
    given = LEAST | {"THESELLER_OIDC_ISSUER": "http://127.0.0.1:1"}
    assert read_oidc_settings(given, EnvironmentKind.TEST).issuer == "http://127.0.0.1:1"


def test_its_hosts_may_be_called_and_no_others(monkeypatch: pytest.MonkeyPatch) -> None:
    from django.conf import settings

    monkeypatch.delenv("DATABASE_URL", raising=False)
    before = {one.host for one in destinations(settings.ENVIRONMENT, Endpoints.amazon())}
    found = _read(HOSTS="keys.example.com")
    after = destinations(settings.ENVIRONMENT, Endpoints.amazon(), oidc=found)
    assert {one.host for one in after} - before == {"login.example.com", "keys.example.com"}
    assert {one.source for one in after if one.host not in before} == {False}
