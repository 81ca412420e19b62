"""Messages between a prober and the deployment, as both sides read them.

A message is a JSON object with two hexadecimal texts: a document in canonical JSON and its Ed25519
signature. Hexadecimal, so that no firewall takes a text in it for an attack. Needs no Django: the
prober's machine has neither settings nor a database.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, TypeVar

import msgspec

from theseller.crypto.canonical_json_signing import (
    SigningKey,
    canonical_json,
    parse_canonical_json,
    verify,
)
from theseller.crypto.errors import InvalidSignatureError, NotCanonicalError

START_FORMAT = "theseller.org/prober-start/v1"
REPORT_FORMAT = "theseller.org/prober-report/v1"
#: Where the deployment takes the two messages.
START_PATH, REPORT_PATH = "/prober/runs/", "/prober/reports/"
MESSAGE_BYTES_MAX = 128 * 1024
#: The header by which a prober marks a request: the run's token and a number below the limit.
MARK_HEADER, MARKS_MAX = "X-Theseller-Prober", 1000

Document = TypeVar("Document", bound=msgspec.Struct)


class InvalidMessageError(ValueError):
    """A message can't be read; the text says what is wrong with it."""


class Start(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A prober's request to begin a run.

    Attributes:
        prober: its registered name.
        at: the time of its clock (ISO 8601).
    """

    format: str
    prober: str
    at: str


class TlsAtAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one address answered.

    Attributes:
        address: IP address that the public name resolved to.
        versions: by TLS version `accepted`, `refused` or `unreachable`.
        old_ciphers: the same for TLS 1.2 if only ciphers that are not modern are offered.
        certificate_error: why the certificate is not trusted there; empty if it is.
        expires_at: end of the trusted certificate (ISO 8601); empty without one.
        hsts: the header `Strict-Transport-Security`; empty if it is not sent.
        redirect_status: status of a page over plain HTTP, 0 without an answer.
        redirect_location: where that answer redirects to.
    """

    address: str
    versions: dict[str, str]
    old_ciphers: str
    certificate_error: str
    expires_at: str
    hsts: str
    redirect_status: int
    redirect_location: str


class TlsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Handshakes with the public address.

    `offered` are the versions, and `old ciphers`, that the prober's client could offer: a server of
    its own accepted them.
    """

    offered: list[str]
    addresses: list[TlsAtAddress]


class PortsAtHost(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The ports that were tried at one address, by what answered."""

    host: str
    closed: list[int]
    open: list[int]
    postgresql: list[int]


class PortsSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Connections to ports of the public addresses and of the database."""

    hosts: list[PortsAtHost]


class SentRequest(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """One marked request.

    `number` is that of its mark; `status` is 0 without an answer.
    """

    number: int
    attack: bool
    kind: str
    status: int


class OpenPort(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """A marked request to an open port besides those for HTTP and HTTPS."""

    port: int
    number: int


class EdgeSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Attacks and legitimate requests that were sent."""

    requests: list[SentRequest]
    other_ports: list[OpenPort]


class LimitSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Tries to sign in from one network, within `seconds`.

    The first are at one account, the others at one account each.
    """

    account_tries: int
    account_answered: int
    account_refused: int
    network_tries: int
    network_answered: int
    network_refused: int
    seconds: int


class ContactAtAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the security page of one address says of its operator.

    Attributes:
        address: IP address that the public name resolved to.
        status: of the page; 0 without an answer.
        clauses: how many clauses the page lists, by which it is known to be the security page.
        officer: the text at this part, without blanks around; empty if the page has none.
    """

    address: str
    status: int
    clauses: int
    officer: str
    contact: str
    legal_entity: str
    legal_address: str


class ContactSection(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """The security page as each public address shows it."""

    addresses: list[ContactAtAddress]


class Report(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What a prober observed in one run.

    Attributes:
        run: the run's ID, `challenge` its random number, both issued by the deployment.
        public_url: the address that was tested.
        measured_at: when the run ended by the prober's clock (ISO 8601).
        tls: handshakes; None if this was not measured.
        ports: connections to ports.
        edge: attacks and legitimate requests.
        limits: tries to sign in, if the plan asked for them.
        contact: what the security page says of its operator.
    """

    format: str
    prober: str
    run: str
    challenge: str
    public_url: str
    measured_at: str
    tls: TlsSection | None = None
    ports: PortsSection | None = None
    edge: EdgeSection | None = None
    limits: LimitSection | None = None
    contact: ContactSection | None = None


class DatabaseAddress(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Host and port of an external database."""

    host: str
    port: int


class Plan(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What the deployment issues for a run.

    Attributes:
        run: the run's ID, `challenge` its random number.
        public_url: the address to test.
        token: with which the prober marks its requests.
        listening_ports: at which the deployment's machine listens for others; None if it can't list
            them, or there are too many to try.
        databases: the external database, if there is one.
        limits: whether to try to sign in more often than is allowed.
    """

    run: str
    challenge: str
    public_url: str
    token: str
    listening_ports: list[int] | None
    databases: list[DatabaseAddress]
    limits: bool


@dataclass(frozen=True, slots=True)
class SignedDocument:
    """The bytes of a document and its signature, not verified yet."""

    document: bytes
    signature: bytes


def encode_message(document: msgspec.Struct, key: SigningKey) -> bytes:
    """Return the message of a document, signed with `key`."""
    content = canonical_json(msgspec.to_builtins(document))
    return json.dumps(
        {"document": content.hex(), "signature": key.sign(content).hex()}, separators=(",", ":")
    ).encode()


def parse_message(body: bytes) -> SignedDocument:
    """Return the document and signature of a message.

    Raises:
        InvalidMessageError: it is none, or too long.
    """
    if len(body) > MESSAGE_BYTES_MAX:
        raise InvalidMessageError("the message is too long")
    try:
        message = json.loads(body)
        return SignedDocument(
            bytes.fromhex(message["document"]), bytes.fromhex(message["signature"])
        )
    except (ValueError, KeyError, TypeError, RecursionError):
        raise InvalidMessageError("this is no message of a prober") from None


def parse_document(content: bytes, kind: type[Document], *, expected_format: str) -> Document:
    """Return the document without verifying its signature.

    Raises:
        InvalidMessageError: it has another format, or fields that this version does not know.
    """
    try:
        plain: Any = parse_canonical_json(content)
        document = msgspec.convert(plain, type=kind)
    except (NotCanonicalError, msgspec.ValidationError):
        raise InvalidMessageError(
            "the document can't be read: prober and deployment must run the same version"
        ) from None
    if getattr(document, "format", "") != expected_format:
        raise InvalidMessageError("the document has another format")
    return document


def is_signed_by(signed: SignedDocument, public_key: bytes) -> bool:
    """Return whether the signature is the key's."""
    try:
        verify(public_key, signed.document, signed.signature)
    except InvalidSignatureError:
        return False
    return True
