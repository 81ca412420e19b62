"""Makes sealed.json, the test vectors of the sealed message, version 1.

An implementation of its own, from the format's description only: HKDF out of `hmac` (RFC 5869),
AES-GCM out of `cryptography`, nothing of ours. Run ``python tests/vectors/generate_sealed.py`` from
the project's root; the same file comes out each time.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import uuid
from pathlib import Path

from cryptography.hazmat.primitives.ciphers.aead import AESGCM

LABEL = b"theseller/sealed/v1"
FILE = Path(__file__).with_name("sealed.json")
NO_TENANT = "00000000-0000-0000-0000-000000000000"
ALICES_SHOP = "018f3c1e-7a00-7000-8000-00000000a11c"
CHARLIES_SHOP = "018f3c1e-7a00-7000-8000-0000000c4a12"

#: name, (tenant, table, column, row, purpose, environment), plaintext
CASES = (
    (
        "empty",
        (ALICES_SHOP, "connections_token", "refresh", "1", "refresh_token", "production"),
        b"",
    ),
    (
        "token",
        (ALICES_SHOP, "connections_token", "refresh", "7f3c", "refresh_token", "production"),
        b"not-a-token-" * 30,
    ),
    (
        "other tenant",
        (CHARLIES_SHOP, "connections_token", "refresh", "7f3c", "refresh_token", "production"),
        b"not-a-token-" * 30,
    ),
    (
        "other environment",
        (ALICES_SHOP, "connections_token", "refresh", "7f3c", "refresh_token", "staging"),
        b"not-a-token-" * 30,
    ),
    (
        "unicode place",
        (ALICES_SHOP, "tâble", "колонка", "行 1 🙂", "pii", "demo"),
        "grüß dich".encode(),
    ),
    (
        "deployment",
        (NO_TENANT, "keystore", "data", "x:connection:y", "root", "a-1"),
        bytes(range(256)),
    ),
    ("column takes from row", (ALICES_SHOP, "t", "ab", "c", "session", "demo"), b"\x00"),
    ("row takes from column", (ALICES_SHOP, "t", "a", "bc", "session", "demo"), b"\x00"),
)


def hkdf_sha512(key: bytes, salt: bytes, info: bytes, length: int) -> bytes:
    """RFC 5869."""
    extracted = hmac.new(salt, key, hashlib.sha512).digest()
    output, block = b"", b""
    for counter in range(1, -(-length // 64) + 1):
        block = hmac.new(extracted, block + info + bytes([counter]), hashlib.sha512).digest()
        output += block
    return output[:length]


def canonical(place: tuple[str, ...]) -> bytes:
    tenant, *texts = place
    fields = [uuid.UUID(tenant).bytes, *(text.encode("utf-8") for text in texts)]
    return b"".join(len(field).to_bytes(4, "big") + field for field in fields)


def seal(key: bytes, key_id: bytes, salt: bytes, place: tuple[str, ...], plaintext: bytes) -> bytes:
    derived = hkdf_sha512(key, salt, LABEL + canonical(place), 64)
    header = b"\x01" + key_id
    return (
        header
        + salt
        + derived[32:]
        + AESGCM(derived[:32]).encrypt(b"\x00" * 12, plaintext, header + canonical(place))
    )


def unseal(key: bytes, key_id: bytes, place: tuple[str, ...], message: bytes) -> bytes:
    """Open a message; raises AssertionError or the library's error if anything does not hold."""
    header, salt, commitment, rest = message[:17], message[17:49], message[49:81], message[81:]
    assert header == b"\x01" + key_id
    derived = hkdf_sha512(key, salt, LABEL + canonical(place), 64)
    assert commitment == derived[32:]
    return AESGCM(derived[:32]).decrypt(b"\x00" * 12, rest, header + canonical(place))


def vectors() -> list[dict[str, object]]:
    """Return all vectors.

    Keys, ids and salts are hashes of their names, so that nothing is left to chance.
    """
    made: list[dict[str, object]] = []
    for name, place, plaintext in CASES:
        key = hashlib.sha256(b"key " + name.encode()).digest()
        salt = hashlib.sha256(b"salt " + name.encode()).digest()
        key_id = hashlib.md5(b"id " + name.encode(), usedforsecurity=False).digest()
        made.append(
            {
                "name": name,
                "place": dict(
                    zip(
                        ("tenant", "table", "column", "row", "purpose", "environment"),
                        place,
                        strict=True,
                    )
                ),
                "canonical_place": canonical(place).hex(),
                "key_id": str(uuid.UUID(bytes=key_id)),
                "key": key.hex(),
                "plaintext": plaintext.hex(),
                "sealed": seal(key, key_id, salt, place, plaintext).hex(),
            }
        )
    return made


def text() -> str:
    return (
        json.dumps(
            {"format": "theseller/sealed/v1", "vectors": vectors()}, indent=1, sort_keys=True
        )
        + "\n"
    )


if __name__ == "__main__":
    FILE.write_text(text(), encoding="utf-8")
