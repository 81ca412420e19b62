"""Signatures, the canonical form that is signed, and the tenant's ticket."""

from __future__ import annotations

import hashlib
import hmac
import json
from datetime import UTC, datetime, timedelta, timezone
from decimal import Decimal
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.crypto.canonical_json_signing import (
    SigningKey,
    canonical_json,
    parse_canonical_json,
    verify,
)
from theseller.crypto.errors import InvalidSignatureError, NotCanonicalError
from theseller.crypto.hmac_and_tenant_ticket import DatabaseSession, hmac_sha256, tenant_ticket
from theseller.lib.secret_type import Secret

ALICE = UUID("018f3c1e-7a00-7000-8000-00000000a11c")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=8)
EXACT = st.integers(-(2**53) + 1, 2**53 - 1)
DOCUMENTS = st.recursive(
    st.none() | st.booleans() | EXACT | TEXT,
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.text(st.characters(max_codepoint=127), max_size=5), inner, max_size=4)
    ),
    max_leaves=12,
)


def test_rfc_8032_vector() -> None:
    """RFC 8032 §7.1, test 2."""
    key = SigningKey.from_secret(
        Secret(bytes.fromhex("4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb"))
    )
    assert (
        key.public_bytes.hex() == "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c"
    )
    assert (
        key.sign(b"\x72").hex()
        == "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da"
        "085ac1e43e15996e458f3613d0f11d8c387b2eaeb4302aeeb00d291612bb0c00"
    )
    verify(key.public_bytes, b"\x72", key.sign(b"\x72"))


def test_any_changed_byte_is_refused() -> None:
    key = SigningKey.from_secret(Secret(bytes(32)))
    message = b"a certificate"
    signature = key.sign(message)
    for index in range(len(message)):
        with pytest.raises(InvalidSignatureError):
            verify(
                key.public_bytes,
                message[:index] + bytes([message[index] ^ 1]) + message[index + 1 :],
                signature,
            )
    for index in range(len(signature)):
        with pytest.raises(InvalidSignatureError):
            verify(
                key.public_bytes,
                message,
                signature[:index] + bytes([signature[index] ^ 1]) + signature[index + 1 :],
            )
    for public in (SigningKey.from_secret(Secret(b"\x01" * 32)).public_bytes, b"", bytes(31)):
        with pytest.raises(InvalidSignatureError):
            verify(public, message, signature)


@pytest.mark.parametrize("seed", [b"", bytes(31), bytes(33)])
def test_signing_key_refuses_a_seed_that_is_not_32_bytes(seed: bytes) -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        SigningKey.from_secret(Secret(seed))


def test_a_signing_key_does_not_print_itself() -> None:
    key = SigningKey.from_secret(Secret(b"A" * 32))
    assert "AAAA" not in repr(key)


def test_canonical_json_sorts_keys_and_escapes_minimally() -> None:
    document = {
        "b": [1, True, None, "é", "e\u0301", '\n"\\\x01\x7f\u2028'],
        "a": {"z": "1.10", "A": ()},
    }
    expected = (
        '{"a":{"A":[],"z":"1.10"},"b":[1,true,null,"é","e\u0301","\\n\\"\\\\\\u0001\x7f\u2028"]}'
    )
    assert canonical_json(document) == expected.encode()


@given(DOCUMENTS)
def test_canonical_form_round_trips(document: object) -> None:
    content = canonical_json(document)
    assert parse_canonical_json(content) == document
    assert canonical_json(json.loads(content)) == content


@pytest.mark.parametrize(
    "content",
    [
        b'{"a": 1}',
        b'{"b":1,"a":2}',
        b'{"a":1,"a":1}',
        b'{"a":1}\n',
        b'{"a":1.0}',
        b'{"a":1e3}',
        b'"\\u00e9"',
        b"[NaN]",
        b"{",
        b"",
        b"\xff",
        b"[" * 5000,
    ],
)
def test_json_that_is_not_canonical_is_refused(content: bytes) -> None:
    with pytest.raises(NotCanonicalError):
        parse_canonical_json(content)


@pytest.mark.parametrize(
    "value",
    [
        1.0,
        float("nan"),
        2**53,
        -(2**53),
        Decimal("1.1"),
        b"x",
        "a\ud800",
        {"é": 1},
        {1: 2},
        datetime(2026, 1, 1, tzinfo=UTC),
        {1},
        Secret("x"),
    ],
)
def test_value_without_canonical_form_is_refused_with_its_path(value: object) -> None:
    with pytest.raises(NotCanonicalError, match=r"document\.rows\[1\]"):
        canonical_json({"rows": [0, value]})


SESSION = DatabaseSession(4711, 1795430000123456)


def test_tenant_ticket_has_the_documented_format() -> None:
    key = Secret(b"\x01" * 32)
    expires = datetime(2026, 11, 23, 12, 0, 0, 999_999, tzinfo=UTC)
    ticket = tenant_ticket(key, ALICE, SESSION, expires)
    claim = f"{ALICE}|4711|1795430000123456|{1795435200}"
    assert (
        ticket == claim + "|" + hmac.new(b"\x01" * 32, claim.encode(), hashlib.sha256).hexdigest()
    )
    assert (
        tenant_ticket(key, ALICE, SESSION, expires.astimezone(timezone(timedelta(hours=9))))
        == ticket
    )


def test_tenant_ticket_refuses_what_would_not_bind() -> None:
    with pytest.raises(ValueError, match="time zone"):
        # - naive on purpose
        tenant_ticket(Secret(b"k"), ALICE, SESSION, datetime(2026, 1, 1))  # noqa: DTZ001
    for session in (DatabaseSession(0, 1), DatabaseSession(1, 0)):
        with pytest.raises(ValueError, match="session"):
            tenant_ticket(Secret(b"k"), ALICE, session, datetime(2026, 1, 1, tzinfo=UTC))


def test_hmac_rfc_4231_vector() -> None:
    """RFC 4231 §4.3, test case 2."""
    expected = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843"
    assert hmac_sha256(Secret("Jefe"), b"what do ya want for nothing?").hex() == expected
