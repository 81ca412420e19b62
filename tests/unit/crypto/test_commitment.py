"""Plain AES-GCM accepts a crafted message under two keys; a sealed message names one."""

from __future__ import annotations

from uuid import UUID

import pytest
from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes
from cryptography.hazmat.primitives.ciphers.aead import AESGCM
from tests.vectors import generate_sealed

from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.errors import CannotOpenError
from theseller.crypto.key_types import DataKey, Purpose
from theseller.crypto.seal_value import open_sealed
from theseller.lib.secret_type import Secret

ALICE = UUID("018f3c1e-7a00-7000-8000-00000000a11c")
PLACE = EncryptionContext(ALICE, "token", "refresh", "1", Purpose.REFRESH_TOKEN, "production")
NONCE = bytes(12)
#: x^128 + x^7 + x^2 + x + 1 in GCM's bit order (NIST SP 800-38D §6.3): the leftmost bit is the
#: coefficient of x^0.
REDUCTION = 0xE1 << 120
ONE = 1 << 127


def multiply(left: int, right: int) -> int:
    """Multiply in GF(2^128) as GHASH does (SP 800-38D, algorithm 1)."""
    product = 0
    for bit in range(127, -1, -1):
        if left >> bit & 1:
            product ^= right
        right = right >> 1 ^ (REDUCTION if right & 1 else 0)
    return product


def power(base: int, exponent: int) -> int:
    result = ONE
    while exponent:
        if exponent & 1:
            result = multiply(result, base)
        base = multiply(base, base)
        exponent >>= 1
    return result


def inverse(value: int) -> int:
    return power(value, 2**128 - 2)


def encrypt_block(key: bytes, block: bytes) -> int:
    # - one raw block is what GHASH is made of
    encryptor = Cipher(algorithms.AES(key), modes.ECB()).encryptor()  # noqa: S305
    return int.from_bytes(encryptor.update(block))


def blocks(data: bytes) -> list[int]:
    padded = data + bytes(-len(data) % 16)
    return [int.from_bytes(padded[index : index + 16]) for index in range(0, len(padded), 16)]


def tag(key: bytes, aad: bytes, ciphertext: list[int]) -> int:
    """Return the AES-GCM tag of whole ciphertext blocks under the zero nonce."""
    subkey = encrypt_block(key, bytes(16))
    lengths = len(aad) * 8 << 64 | len(ciphertext) * 128
    total = 0
    for block in [*blocks(aad), *ciphertext, lengths]:
        total = multiply(total ^ block, subkey)
    return total ^ encrypt_block(key, NONCE + (1).to_bytes(4))


def collide(one: bytes, other: bytes, aad: bytes) -> bytes:
    """Return ciphertext and tag that AES-GCM accepts under both keys.

    The tag is linear in each ciphertext block, so with the second of two blocks free the two tags
    differ by ``d ^ block * (H1^2 ^ H2^2)``: two steps before the end, one factor of H each for the
    block itself and for the lengths.
    """
    fixed = int.from_bytes(b"any sixteen byte")
    difference = tag(one, aad, [fixed, 0]) ^ tag(other, aad, [fixed, 0])
    factor = power(encrypt_block(one, bytes(16)), 2) ^ power(encrypt_block(other, bytes(16)), 2)
    free = multiply(difference, inverse(factor))
    return b"".join(block.to_bytes(16) for block in (fixed, free, tag(one, aad, [fixed, free])))


def derived(material: bytes, salt: bytes) -> tuple[bytes, bytes]:
    both = generate_sealed.hkdf_sha512(
        material, salt, generate_sealed.LABEL + PLACE.canonical(), 64
    )
    return both[:32], both[32:]


def test_our_field_arithmetic_is_that_of_gcm() -> None:
    key, plaintext = bytes(range(32)), bytes(48)
    sealed = AESGCM(key).encrypt(NONCE, plaintext, b"a place")
    assert sealed[-16:] == tag(key, b"a place", blocks(sealed[:-16])).to_bytes(16)


def test_a_message_for_two_keys_is_refused_under_the_one_it_does_not_name() -> None:
    salt = b"\x5a" * 32
    alices, charlies = b"\x01" * 32, b"\x02" * 32
    (first, first_commitment), (second, second_commitment) = (
        derived(alices, salt),
        derived(charlies, salt),
    )
    header = b"\x01" + ALICE.bytes
    aad = header + PLACE.canonical()
    crafted = collide(first, second, aad)

    # The positive control: without a commitment, both keys accept it, to different plaintexts.
    assert AESGCM(first).decrypt(NONCE, crafted, aad) != AESGCM(second).decrypt(NONCE, crafted, aad)

    for commitment, accepted in ((first_commitment, alices), (second_commitment, charlies)):
        message = header + salt + commitment + crafted
        for material in (alices, charlies):
            ring = _Only(DataKey(ALICE, Purpose.REFRESH_TOKEN, Secret(material)))
            if material == accepted:
                assert open_sealed(ring, PLACE, message)
            else:
                with pytest.raises(CannotOpenError):
                    open_sealed(ring, PLACE, message)


class _Only:
    def __init__(self, key: DataKey) -> None:
        self.key = key

    def get(self, _key_id: UUID, /) -> DataKey:
        return self.key
