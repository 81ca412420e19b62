"""What the redactor takes out, and what it must leave."""

from __future__ import annotations

import json
from collections.abc import Callable
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from typing_extensions import override

from theseller.lib.redaction import is_sensitive_name, redact, redact_text
from theseller.lib.secret_type import REDACTED, Secret

CORE = "Q7zK2mV9xR4tB8nL"
CANARY = "CNRY" + "ABCDEFGHIJ2345672345"

#: Each way a secret may be spelled; {} is the secret's core, which must be removed.
SHAPES = (
    "Atzr|{}",
    "Atza|{}",
    "Atzr%7C{}",
    "xAtzr|{}-_~+/=",
    "amzn1.oa2-cs.v1.{}",
    "Bearer {}",
    "bearer {}",
    "https://app.example/callback?spapi_oauth_code={}&x=1",
    "https://app.example/callback?code={}",
    "https://app.example/callback?x=1&state={}#top",
    "https://bucket.example/doc?X-Amz-Signature={}&X-Amz-Expires=300",
    "https://bucket.example/doc?X-Amz-Security-Token={}",
    "refresh_token={}&grant_type=refresh_token",
    "client_secret={}",
    '{{"refresh_token": "{}", "expires_in": 3600}}',
    '{{"refresh_token":"{}"}}',
    '{{\\"refresh_token\\": \\"{}\\"}}',
    "{{'access_token': '{}'}}",
    "{{'access_token': b'{}'}}",
    "Credentials(user='alice', password='{}')",
    "[(b'x-amz-access-token', b'{}')]",
    "Authorization: Basic {}",
    "x-amz-access-token: {}",
    "Cookie: sessionid={}; csrftoken={}",
    "Set-Cookie: x={}; Path=/",
    "postgresql://app:{}@127.0.0.1:5432/app",
    "host=127.0.0.1 password={} user=app",
    "theseller-root-1.demo.018f3c1e7a007000800000000000a11c.{}",
    "theseller-1.018f3c1e7a007000800000000000a11c.{}",
    "{}@example.com",
    "alice.{}+shop@mail.example.co.uk",
    "alice%40{}.example",
    "-----BEGIN " + "PRIVATE KEY-----\n{}\n-----END PRIVATE KEY-----",
    "-----BEGIN EC " + "PRIVATE KEY-----\n{}",
)


@pytest.mark.parametrize("shape", SHAPES)
@pytest.mark.parametrize("around", ["{}", "before {} after", "('{}',)", '"{}"', "line\n{}\nline"])
def test_secret_patterns_are_redacted_from_text(shape: str, around: str) -> None:
    text = redact_text(around.format(shape.format(CORE, CORE)))
    assert CORE not in text
    assert REDACTED in text


def test_tenant_ticket_is_redacted_from_text() -> None:
    ticket = "018f3c1e-7a00-7000-8000-00000000a11c|4711|1795435200|" + "0f" * 32
    assert (
        redact_text(f"set_config('app.tenant', '{ticket}')")
        == f"set_config('app.tenant', '{REDACTED}')"
    )


@given(st.text(max_size=30), st.text(max_size=30))
def test_canary_is_redacted_from_any_text(before: str, after: str) -> None:
    assert CANARY not in redact_text(before + CANARY + after)


@given(st.text(max_size=80))
def test_redacting_again_changes_nothing(text: str) -> None:
    once = redact_text(text)
    assert redact_text(once) == once


@pytest.mark.parametrize(
    "text",
    [
        "amzn1.application-oa2-client.0123456789abcdef",
        "amzn1.sp.solution.018f3c1e-7a00-7000-8000-00000000a11c",
        "018f3c1e-7a00-7000-8000-00000000a11c",
        "2026-11-23T12:00:00+00:00",
        "GET /orders/2026-01-01/orders?createdAfter=2026-01-01 429 in 0.2 s",
        "refresh failed: invalid_grant",
        "status_code=200 rows=12",
        "could not refresh token: the role is missing",
        "ATVPDKIKX0DER B00EXAMPLE 112-1234567-1234567",
        "connection postgresql:///app",
        "@decorator at line 12",
    ],
)
def test_harmless_text_is_not_redacted(text: str) -> None:
    assert redact_text(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "password",
        "DB_PASSWORD",
        "refresh_token",
        "refreshToken",
        "X-Amz-Signature",
        "Set-Cookie",
        "api-key",
        "apiKey",
        "code",
        "state",
        "authorisation",
    ],
)
def test_sensitive_names_are_recognized(name: str) -> None:
    assert is_sensitive_name(name)
    assert redact({name: CORE}) == {name: REDACTED}
    assert redact({name: [CORE]}) == {name: REDACTED}
    assert redact({name: 123456}) == {name: REDACTED}


@pytest.mark.parametrize(
    "name", ["status", "status_code", "key_id", "rows", "client_id", "encoded", "statement"]
)
def test_harmless_field_names_are_not_redacted(name: str) -> None:
    assert not is_sensitive_name(name)
    assert redact({name: 7}) == {name: 7}


class Colour(StrEnum):
    RED = "red"


class Number(Enum):
    ONE = 1


class Broken:
    @override
    def __str__(self) -> str:
        raise RuntimeError(CORE)


def test_redact_converts_any_value_to_json_types() -> None:
    plain = redact(
        {
            "uuid": UUID(int=1),
            "enum": Colour.RED,
            "number": Number.ONE,
            "bytes": CORE.encode(),
            "set": {1},
            "nan": float("nan"),
            "none": None,
            "token": None,
            "path": Path("/x"),
            "broken": Broken(),
            b"bytes": 1,
        }
    )
    assert plain == {
        "uuid": "00000000-0000-0000-0000-000000000001",
        "enum": "red",
        "number": "1",
        "bytes": "<16 bytes>",
        "set": [1],
        "nan": "nan",
        "none": None,
        "token": None,
        "path": "/x",
        "broken": "<Broken that cannot be shown>",
        REDACTED: 1,
    }
    json.dumps(plain, allow_nan=False)


def test_circular_value_is_cut_at_the_depth_limit() -> None:
    circle: list[object] = []
    circle.append(circle)
    assert "<too deep>" in json.dumps(redact(circle))


WRAPPERS: tuple[Callable[[Any], object], ...] = (
    lambda inner: [inner],
    lambda inner: (1, inner),
    lambda inner: {"field": inner},
    lambda inner: {"field": {"deeper": [inner]}},
    ValueError,
    lambda inner: Path("/tmp") / str(inner),  # noqa: S108
    lambda inner: {str(inner): 1},
)


@given(
    st.lists(st.sampled_from(WRAPPERS), max_size=5),
    st.sampled_from([f"Atzr|{CORE}", Secret(CORE), f"{CORE}@example.com", f"x?code={CORE}"]),
)
def test_secret_nested_at_any_position_is_redacted(
    wrappers: list[Callable[[Any], object]], planted: object
) -> None:
    for wrap in wrappers:
        planted = wrap(planted)
    assert CORE not in json.dumps(redact(planted))


@pytest.mark.timeout(20)
@pytest.mark.parametrize(
    "unit",
    [
        "a",
        "a.",
        "token",
        "a@",
        "x-amz-",
        "'code",
        "secret='",
        '\\"',
        "://:",
        "-----BEGIN " + "PRIVATE KEY-----",
        "\n",
        "code ",
    ],
)
def test_long_lines_take_no_quadratic_time(unit: str) -> None:
    """Redact a quarter of a megabyte in linear time.

    A quadratic search would take minutes: a log line could be attacked with it.
    """
    assert redact_text(unit * (250_000 // len(unit)))
