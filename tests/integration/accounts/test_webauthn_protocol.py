"""Passkeys against a software authenticator that cheats.

Every part of an answer that can be wrong is wrong once, and refused.
"""

from __future__ import annotations

import hashlib
import html
import json
import re
from dataclasses import dataclass, field
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.hashes import SHA256
from django.test import Client
from fido2.cose import ES256
from fido2.utils import websafe_encode
from fido2.webauthn import (
    Aaguid,
    AttestationObject,
    AttestedCredentialData,
    AuthenticatorData,
    CollectedClientData,
)
from tests.cast import PASSWORD, Cast, Person
from tests.operators import anonymous_client

from theseller.accounts.mfa.queries import own_factors
from theseller.lib.ids import new_id

ORIGIN = "http://localhost"
PRESENT, VERIFIED, ATTESTED = 0x01, 0x04, 0x40


@dataclass
class Authenticator:
    """One key at one address. The fields can be set to lies."""

    origin: str = ORIGIN
    name: str = "localhost"
    flags: int = PRESENT | VERIFIED
    count: int = 0
    id: bytes = field(default_factory=lambda: new_id().bytes)
    key: ec.EllipticCurvePrivateKey = field(
        default_factory=lambda: ec.generate_private_key(ec.SECP256R1())
    )

    def create(self, question: dict[str, Any]) -> str:
        public = AttestedCredentialData.create(
            Aaguid(bytes(16)),
            self.id,
            ES256.from_cryptography_key(self.key.public_key()),  # type: ignore[no-untyped-call]
        )
        attested = AttestationObject.create("none", self._data(self.flags | ATTESTED, public), {})
        return self._answer(
            attestationObject=attested, clientDataJSON=self._client("webauthn.create", question)
        )

    def prove(self, question: dict[str, Any]) -> str:
        data, client = self._data(self.flags), self._client("webauthn.get", question)
        signature = self.key.sign(bytes(data) + hashlib.sha256(client).digest(), ec.ECDSA(SHA256()))
        return self._answer(authenticatorData=data, clientDataJSON=client, signature=signature)

    def _data(self, flags: int, public: AttestedCredentialData | None = None) -> AuthenticatorData:
        flagged = AuthenticatorData.FLAG(flags)
        data: AuthenticatorData = AuthenticatorData.create(
            hashlib.sha256(self.name.encode()).digest(), flagged, self.count, public or b""
        )
        return data

    def _client(self, kind: str, question: dict[str, Any]) -> CollectedClientData:
        return CollectedClientData.create(kind, question["challenge"], self.origin)

    def _answer(self, **parts: bytes) -> str:
        response = {name: websafe_encode(part) for name, part in parts.items()}
        return json.dumps(
            {
                "id": websafe_encode(self.id),
                "rawId": websafe_encode(self.id),
                "type": "public-key",
                "response": response,
            }
        )


def _question(client: Client, path: str) -> dict[str, Any]:
    found = re.search(r'data-options="([^"]*)"', client.get(path).content.decode())
    assert found, "the page asks for no passkey"
    options: dict[str, Any] = json.loads(html.unescape(found.group(1)))
    return options


def _browser(person: Person) -> Client:
    client = anonymous_client("localhost")
    client.post("/sign-in/", {"email": person.email, "password": PASSWORD})
    return client


def _with_passkey(person: Person) -> Authenticator:
    """Give the person a passkey through the page."""
    authenticator, client = Authenticator(), _browser(person)
    question = _question(client, "/account/security/passkey/")
    answer = client.post(
        "/account/security/passkey/", {"name": "Key", "answer": authenticator.create(question)}
    )
    assert answer.status_code == 200
    assert "Your recovery codes" in answer.content.decode()
    return authenticator


def test_a_passkey_signs_in_once_for_each_challenge(cast: Cast) -> None:
    authenticator, client = _with_passkey(cast.bob), _browser(cast.bob)
    answer = authenticator.prove(_question(client, "/sign-in/"))
    half = client.cookies["theseller_session"].value
    assert client.post("/sign-in/", {"answer": answer}).status_code == 302
    assert client.get("/connections/").status_code == 200
    # The same answer again: in this session, in the one that asked, and in another that was asked
    # something else.
    assert client.post("/account/second-factor/", {"answer": answer}).status_code == 422
    thief = anonymous_client("localhost")
    thief.cookies["theseller_session"] = half
    assert thief.post("/sign-in/", {"answer": answer}).status_code == 422
    other = _browser(cast.bob)
    _question(other, "/sign-in/")
    assert other.post("/sign-in/", {"answer": answer}).status_code == 422
    assert "/sign-in/" in other.get("/connections/")["Location"]


@pytest.mark.parametrize(
    "altered",
    [
        {"origin": "http://localhost.evil.example"},
        {"origin": "https://localhost"},
        {"origin": "http://localhost:8100"},
        {"name": "evil.example"},
        {"flags": PRESENT},  # no user was verified: a stolen key alone
        {"flags": VERIFIED},
        {"key": ec.generate_private_key(ec.SECP256R1())},
        {"id": b"another credential"},
    ],
    ids=lambda altered: next(iter(altered)),
)
def test_an_altered_assertion_is_refused(altered: dict[str, Any], cast: Cast) -> None:
    authenticator, client = _with_passkey(cast.bob), _browser(cast.bob)
    for name, value in altered.items():
        setattr(authenticator, name, value)
    refused = client.post(
        "/sign-in/", {"answer": authenticator.prove(_question(client, "/sign-in/"))}
    )
    assert refused.status_code == 422
    assert "This passkey was not accepted." in refused.content.decode()
    assert "/sign-in/" in client.get("/connections/")["Location"]


@pytest.mark.parametrize(
    "answer",
    ["{}", "[]", "null", "not json", '{"id": 1}', "x" * 20_000, '{"rawId":"AA","response":{}}'],
)
def test_malformed_passkey_assertion_is_422(answer: str, cast: Cast) -> None:
    _with_passkey(cast.bob)
    client = _browser(cast.bob)
    _question(client, "/sign-in/")
    assert client.post("/sign-in/", {"answer": answer}).status_code == 422


@pytest.mark.parametrize(
    "altered",
    [{"origin": "https://localhost"}, {"name": "evil.example"}, {"flags": PRESENT}],
    ids=lambda altered: next(iter(altered)),
)
def test_an_altered_registration_is_refused(altered: dict[str, Any], cast: Cast) -> None:
    client = _browser(cast.bob)
    authenticator = Authenticator(**altered)
    answer = authenticator.create(_question(client, "/account/security/passkey/"))
    assert (
        client.post("/account/security/passkey/", {"name": "Key", "answer": answer}).status_code
        == 422
    )
    assert own_factors(cast.bob.id) == ()


def test_a_passkey_signs_in_its_own_user_only(cast: Cast) -> None:
    mine, _ = _with_passkey(cast.charlie), _with_passkey(cast.bob)
    client = _browser(cast.bob)
    assert (
        client.post("/sign-in/", {"answer": mine.prove(_question(client, "/sign-in/"))}).status_code
        == 422
    )


def test_passkey_with_a_lower_counter_is_refused(cast: Cast) -> None:
    authenticator = _with_passkey(cast.bob)
    authenticator.count = 7
    client = _browser(cast.bob)
    assert (
        client.post(
            "/sign-in/", {"answer": authenticator.prove(_question(client, "/sign-in/"))}
        ).status_code
        == 302
    )
    authenticator.count = 6
    client = _browser(cast.bob)
    assert (
        client.post(
            "/sign-in/", {"answer": authenticator.prove(_question(client, "/sign-in/"))}
        ).status_code
        == 422
    )


def test_an_ip_address_as_host_offers_no_passkey(cast: Cast) -> None:
    client = anonymous_client("127.0.0.1")
    client.post("/sign-in/", {"email": cast.bob.email, "password": PASSWORD})
    assert client.get("/account/security/passkey/")["Location"] == "/account/security/"
    assert "Passkeys require a host name" in client.get("/account/security/").content.decode()
