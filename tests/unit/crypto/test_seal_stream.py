"""A sealed stream opens under its key at its place, whole, in its order, and in no other way."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Iterator
from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from cryptography.hazmat.primitives.hashes import SHA512
from cryptography.hazmat.primitives.kdf.hkdf import HKDF

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import CannotOpenError, KeyDestroyedError, KeyNotFoundError
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.seal_stream import CHUNK_BYTES, HEADER_BYTES, open_stream, seal_stream

PLACE = EncryptionContext(NO_TENANT, "backup", "one", "base", Purpose.BACKUP, "production")
KEY = new_data_key(Purpose.BACKUP)
_SEALED_CHUNK = CHUNK_BYTES + 16
#: Two full chunks and a rest, so that there is a first, a middle and a last one.
CONTENT = bytes(range(256)) * (2 * CHUNK_BYTES // 256) + b"the rest"


class Ring:
    def __init__(self, *keys: DataKey) -> None:
        self.keys = {key.id: key for key in keys}

    def get(self, key_id: UUID, /) -> DataKey:
        if key_id not in self.keys:
            raise KeyNotFoundError(key_id)
        return self.keys[key_id]


def sealed(
    content: bytes = CONTENT,
    *,
    key: DataKey = KEY,
    place: EncryptionContext = PLACE,
    piece: int = 300_000,
) -> bytes:
    return b"".join(
        seal_stream(key, place, (content[at : at + piece] for at in range(0, len(content), piece)))
    )


def opened(stream: bytes, *, place: EncryptionContext = PLACE, piece: int = 70_001) -> bytes:
    pieces = (stream[at : at + piece] for at in range(0, len(stream), piece))
    return b"".join(open_stream(Ring(KEY), place, pieces))


def chunks(stream: bytes) -> tuple[bytes, list[bytes]]:
    body = stream[HEADER_BYTES:]
    return stream[:HEADER_BYTES], [
        body[at : at + _SEALED_CHUNK] for at in range(0, len(body), _SEALED_CHUNK)
    ]


@pytest.mark.parametrize(
    "size", [0, 1, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 2 * CHUNK_BYTES]
)
@pytest.mark.parametrize("piece", [70_001, CHUNK_BYTES, 5 * CHUNK_BYTES])
def test_sealed_stream_opens_for_any_chunk_size(size: int, piece: int) -> None:
    content = CONTENT[:size]
    assert opened(sealed(content, piece=piece), piece=piece) == content


def test_sealed_stream_has_the_documented_format() -> None:
    """Opened by hand, with the library alone."""
    stream = sealed()
    header, found = chunks(stream)
    assert header[:5] == b"TSST\x01"
    assert header[5:21] == KEY.id.bytes
    derived = HKDF(
        algorithm=SHA512(),
        length=64,
        salt=header[21:53],
        info=b"theseller/stream/v1" + PLACE.canonical(),
    ).derive(KEY.material.reveal_bytes())
    assert derived[32:] == header[53:85]
    plain = [
        AESGCM(derived[:32]).decrypt(
            index.to_bytes(11) + bytes([index == len(found) - 1]), chunk, header
        )
        for index, chunk in enumerate(found)
    ]
    assert b"".join(plain) == CONTENT


def test_sealing_the_same_content_twice_gives_different_streams() -> None:
    assert sealed() != sealed()


def _swap(header: bytes, found: list[bytes]) -> bytes:
    return header + found[1] + found[0] + found[2]


def _repeat(header: bytes, found: list[bytes]) -> bytes:
    return header + found[0] + found[0] + found[1] + found[2]


TAMPERED: dict[str, Callable[[bytes, list[bytes]], bytes]] = {
    "nothing": lambda _header, _found: b"",
    "header only": lambda header, _found: header,
    "half a header": lambda header, _found: header[:40],
    "last chunk missing": lambda header, found: header + found[0] + found[1],
    "first chunk missing": lambda header, found: header + found[1] + found[2],
    "middle chunk missing": lambda header, found: header + found[0] + found[2],
    "swapped": _swap,
    "repeated": _repeat,
    "one byte short": lambda header, found: header + b"".join(found)[:-1],
    "one byte more": lambda header, found: header + b"".join(found) + b"\0",
    "another stream behind": lambda header, found: (
        header + b"".join(found) + header + b"".join(found)
    ),
    "last chunk of another": lambda header, found: (
        header + found[0] + found[1] + chunks(sealed())[1][2]
    ),
    "header of another": lambda _header, found: chunks(sealed())[0] + b"".join(found),
    "another version": lambda header, found: header[:4] + b"\x02" + header[5:] + b"".join(found),
}


@pytest.mark.parametrize("how", TAMPERED)
def test_tampered_stream_cannot_be_opened(how: str) -> None:
    with pytest.raises(CannotOpenError):
        opened(TAMPERED[how](*chunks(sealed())))


@pytest.mark.parametrize(
    "position",
    [0, 4, 5, 20, 21, 60, 84, 85, HEADER_BYTES + CHUNK_BYTES, HEADER_BYTES + _SEALED_CHUNK + 7, -1],
)
def test_sealed_stream_with_a_flipped_bit_cannot_be_opened(position: int) -> None:
    stream = bytearray(sealed())
    stream[position] ^= 1
    with pytest.raises(CannotOpenError):
        opened(bytes(stream))


@pytest.mark.parametrize(
    "place",
    [
        dataclasses.replace(PLACE, column="two"),
        dataclasses.replace(PLACE, row="manifest"),
        dataclasses.replace(PLACE, environment="staging"),
        dataclasses.replace(PLACE, purpose=Purpose.PII),
        dataclasses.replace(PLACE, tenant=UUID(int=1)),
    ],
)
def test_sealed_stream_cannot_be_opened_at_another_place(place: EncryptionContext) -> None:
    with pytest.raises(CannotOpenError):
        opened(sealed(), place=place)


def test_seal_stream_refuses_a_key_of_another_purpose() -> None:
    with pytest.raises(ValueError, match="pii"):
        next(seal_stream(new_data_key(Purpose.PII), PLACE, [b""]))


def test_stream_of_a_destroyed_key_raises_key_destroyed_error() -> None:
    class Destroyed(Ring):
        def get(self, key_id: UUID, /) -> DataKey:
            raise KeyDestroyedError(key_id)

    with pytest.raises(KeyDestroyedError):
        list(open_stream(Destroyed(), PLACE, [sealed()]))


def test_stream_of_a_failing_source_cannot_be_opened() -> None:
    def failing() -> Iterator[bytes]:
        yield CONTENT[:CHUNK_BYTES]
        raise OSError("the disk is missing")

    written: list[bytes] = []
    with pytest.raises(OSError, match="missing"):
        written.extend(seal_stream(KEY, PLACE, failing()))
    with pytest.raises(CannotOpenError):
        opened(b"".join(written))
