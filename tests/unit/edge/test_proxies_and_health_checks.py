"""HTTPS behind trusted proxies, as a production deployment has it.

Settings are read in a process of their own.
"""

from __future__ import annotations

import json
import os
from pathlib import Path

import psycopg
import pytest
from django.db import OperationalError
from tests import preloaded

from theseller.config import gunicorn
from theseller.config.environment import Hsts, InvalidSettingError, read_environment
from theseller.crypto.file_secret_provider import FileSecretProvider
from theseller.crypto.root_keys import new_root_key
from theseller.crypto.text_secret_validation import new_text_secret
from theseller.edge.database_outage import is_unavailable

_HTTPS = {
    "THESELLER_PUBLIC_URL": "https://shop.example",
    "THESELLER_ENV": "staging",
    "THESELLER_ALLOW_FILE_SECRETS": "yes",
}
_ASK = """
import json, sys, time, django
django.setup()
from django.conf import settings
from django.test import Client
# what a deployment has; the test runner would add its own
settings.ALLOWED_HOSTS = ["shop.example"]
found = []
for path, environ in json.loads(sys.argv[1]):
    begun = time.monotonic()
    client = Client(raise_request_exception=False)
    answer = client.get(path, **{"SERVER_NAME": "shop.example", **environ})
    cookies = {
        name: {key: value for key, value in morsel.items() if value}
        for name, morsel in answer.cookies.items()
    }
    headers = {**answer.headers, "took": time.monotonic() - begun}
    found.append([answer.status_code, headers, cookies])
print(json.dumps(found))
"""


def _answers(
    state: Path, requests: list[tuple[str, dict[str, str]]], **variables: str
) -> list[tuple[int, dict[str, str], dict[str, dict[str, object]]]]:
    secrets = FileSecretProvider(state / "secrets")
    secrets.ensure("root-key", lambda: new_root_key("staging"))
    for name in ("django-session-key", "tenant-ticket-key", "db-web", "db-pii"):
        secrets.ensure(name, new_text_secret)
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("THESELLER_")
    }
    environ |= {
        **_HTTPS,
        "THESELLER_TRUSTED_PROXIES": "10.0.0.0/8",
        "THESELLER_STATE": str(state),
        "THESELLER_ROLE": "web",
        **variables,
    }
    done = preloaded.run(["-c", _ASK, json.dumps(requests)], environ=environ)
    assert done.returncode == 0, done.stderr
    return [
        (status, headers, cookies)
        for status, headers, cookies in json.loads(done.stdout.splitlines()[-1])
    ]


_PROXY, _STRANGER = {"REMOTE_ADDR": "10.0.0.1"}, {"REMOTE_ADDR": "203.0.113.9"}
_TLS, _PLAIN = {"HTTP_X_FORWARDED_PROTO": "https"}, {"HTTP_X_FORWARDED_PROTO": "http"}


def test_forwarded_proto_is_accepted_from_trusted_proxies_only(tmp_path: Path) -> None:
    direct, spoofed, forged, plain, tls, chain, login = _answers(
        tmp_path,
        [
            ("/security/?a=1", _STRANGER),
            ("/security/", _STRANGER | _TLS),
            ("/security/", _STRANGER | _TLS | {"HTTP_X_FORWARDED_FOR": "10.0.0.1"}),
            ("/security/", _PROXY | _PLAIN),
            ("/nowhere/", _PROXY | _TLS),
            ("/security/", _PROXY | {"HTTP_X_FORWARDED_PROTO": "https, http"}),
            ("/sign-in/", _PROXY | _TLS),
        ],
    )
    for status, headers, _ in (direct, spoofed, forged, plain, chain):
        assert status == 301
        assert headers["Location"].startswith("https://shop.example/security/")
        assert "Strict-Transport-Security" not in headers
    assert direct[1]["Location"] == "https://shop.example/security/?a=1"
    assert (
        tls[1]["Strict-Transport-Security"]
        == login[1]["Strict-Transport-Security"]
        == "max-age=63072000; includeSubDomains; preload"
    )
    assert login[0] == 200
    assert list(login[2]) == ["__Host-theseller_csrf"]
    morsel = login[2]["__Host-theseller_csrf"]
    assert (morsel["secure"], morsel["httponly"], morsel["path"], morsel["samesite"]) == (
        True,
        True,
        "/",
        "Lax",
    )
    assert "domain" not in morsel


def test_liveness_is_answered_to_a_load_balancer_that_knows_only_an_address(tmp_path: Path) -> None:
    by_address, odd, other, post = _answers(
        tmp_path,
        [
            ("/healthz", _STRANGER | {"HTTP_HOST": "192.0.2.1:8100"}),
            ("/healthz", _STRANGER | {"HTTP_HOST": "bad host/"}),
            ("/security/", _PROXY | _TLS | {"HTTP_HOST": "192.0.2.1:8100"}),
            ("/healthz/", _STRANGER),
        ],
    )
    assert [by_address[0], odd[0], other[0], post[0]] == [200, 200, 400, 301]


@pytest.mark.parametrize(
    ("variables", "header"),
    [("subdomains", "max-age=63072000; includeSubDomains"), ("host", "max-age=63072000")],
)
def test_subdomains_and_preloading_can_be_left_out(
    tmp_path: Path, variables: str, header: str
) -> None:
    ((_, headers, _),) = _answers(
        tmp_path, [("/nowhere/", _PROXY | _TLS)], THESELLER_HSTS=variables
    )
    assert headers["Strict-Transport-Security"] == header


def test_without_its_database_a_page_answers_503_soon_and_the_next_ones_at_once(
    tmp_path: Path,
) -> None:
    session = {
        **_PROXY,
        **_TLS,
        "HTTP_COOKIE": "__Host-theseller_session=abcdefghijklmnopqrstuvwxyzabcdef",
    }
    first, second, alive = _answers(
        tmp_path, [("/", session), ("/data/", session), ("/healthz", _PROXY)]
    )
    for status, headers, _ in (first, second):
        assert (status, headers["Retry-After"]) == (503, "5")
    # The first waited three seconds for a connection; the next was not let wait for one at all.
    assert float(first[1]["took"]) >= 3 > float(second[1]["took"])
    assert alive[0] == 200
    assert is_unavailable(_raised("57P03"))
    assert is_unavailable(_raised("08006"))
    assert is_unavailable(_raised(None))
    assert not is_unavailable(_raised("55P03"))  # a lock that was not had is no outage
    assert not is_unavailable(ValueError())


def _raised(state: str | None) -> OperationalError:
    error = OperationalError()
    cause: BaseException = psycopg.errors.lookup(state)() if state else psycopg.OperationalError()
    error.__cause__ = cause
    return error


def test_a_guarded_deployment_decides_about_proxies_before_it_serves(tmp_path: Path) -> None:
    with pytest.raises(
        InvalidSettingError, match="THESELLER_TRUSTED_PROXIES can't be used: it is empty"
    ):
        read_environment({**_HTTPS, "THESELLER_ROLE": "web"}, default_state=tmp_path)
    with pytest.raises(InvalidSettingError, match="neither an address"):
        read_environment(
            {**_HTTPS, "THESELLER_ROLE": "worker", "THESELLER_TRUSTED_PROXIES": "proxy"},
            default_state=tmp_path,
        )
    decided = read_environment(
        {**_HTTPS, "THESELLER_TRUSTED_PROXIES": "none"}, default_state=tmp_path
    )
    assert decided.trusted_proxies.networks == ()
    assert decided.hsts is Hsts.PRELOAD
    assert (
        read_environment(
            {**_HTTPS, "THESELLER_ROLE": "worker"}, default_state=tmp_path
        ).trusted_proxies.networks
        == ()
    )
    with pytest.raises(InvalidSettingError, match="THESELLER_HSTS must be one of"):
        read_environment(
            {**_HTTPS, "THESELLER_TRUSTED_PROXIES": "none", "THESELLER_HSTS": "off"},
            default_state=tmp_path,
        )


def test_gunicorn_accepts_no_forwarded_header_itself() -> None:
    """Check that the shipped configuration trusts no one.

    The defaults would: this machine, any Unix socket, and whom FORWARDED_ALLOW_IPS names.
    """
    assert (
        gunicorn.forwarded_allow_ips,
        gunicorn.forwarder_headers,
        gunicorn.secure_scheme_headers,
    ) == ("", "", {})


def test_serve_without_trusted_proxies_exits_1_with_a_message(tmp_path: Path) -> None:
    environ = {
        name: value for name, value in os.environ.items() if not name.startswith("THESELLER_")
    }
    environ |= {**_HTTPS, "THESELLER_STATE": str(tmp_path)}
    command = ["-m", "theseller.cli.main", "serve", "--port", "1"]
    done = preloaded.run(command, environ=environ)
    assert done.returncode == 1
    assert done.stderr.startswith(
        "theseller serve: THESELLER_TRUSTED_PROXIES can't be used: it is empty."
    )
