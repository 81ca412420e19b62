"""A sealed value opens under its key at its place, and in no other way."""

from __future__ import annotations

import dataclasses
import itertools
import json
from uuid import UUID

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from tests.vectors import generate_sealed

from theseller.crypto.encryption_context import NO_TENANT, EncryptionContext
from theseller.crypto.errors import (
    CannotOpenError,
    KeyDestroyedError,
    KeyNotFoundError,
    KeyStoreError,
)
from theseller.crypto.key_types import DataKey, Purpose, new_data_key
from theseller.crypto.seal_value import (
    MAX_PLAINTEXT_BYTES,
    OVERHEAD_BYTES,
    key_id_of,
    open_sealed,
    seal,
)
from theseller.lib.secret_type import Secret

ALICE = UUID("018f3c1e-7a00-7000-8000-00000000a11c")
CHARLIE = UUID("018f3c1e-7a00-7000-8000-0000000c4a12")
PLACE = EncryptionContext(ALICE, "token", "refresh", "1", Purpose.REFRESH_TOKEN, "production")
VECTORS = json.loads(generate_sealed.FILE.read_text(encoding="utf-8"))["vectors"]
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


class Ring:
    """A few keys in memory."""

    def __init__(self, *keys: DataKey) -> None:
        self.keys = {key.id: key for key in keys}

    def get(self, key_id: UUID, /) -> DataKey:
        try:
            return self.keys[key_id]
        except KeyError:
            raise KeyNotFoundError(key_id) from None


class Failing:
    def __init__(self, error: Exception) -> None:
        self.error = error

    def get(self, _key_id: UUID, /) -> DataKey:
        raise self.error


def place_of(vector: dict[str, dict[str, str]]) -> EncryptionContext:
    fields = vector["place"]
    texts = {name: fields[name] for name in ("table", "column", "row", "environment")}
    return EncryptionContext(
        tenant=UUID(fields["tenant"]), purpose=Purpose(fields["purpose"]), **texts
    )


def test_committed_test_vectors_equal_the_generated_ones() -> None:
    assert generate_sealed.FILE.read_text(encoding="utf-8") == generate_sealed.text()


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_messages_sealed_by_the_independent_script_are_opened(vector: dict[str, str]) -> None:
    place = place_of(vector)  # type: ignore[arg-type]
    key = DataKey(UUID(vector["key_id"]), place.purpose, Secret(bytes.fromhex(vector["key"])))
    assert place.canonical().hex() == vector["canonical_place"]
    assert (
        open_sealed(Ring(key), place, bytes.fromhex(vector["sealed"])).reveal_bytes().hex()
        == vector["plaintext"]
    )


@pytest.mark.parametrize("vector", VECTORS, ids=lambda vector: str(vector["name"]))
def test_independent_script_opens_our_sealed_messages(vector: dict[str, str]) -> None:
    place = place_of(vector)  # type: ignore[arg-type]
    key = DataKey(UUID(vector["key_id"]), place.purpose, Secret(bytes.fromhex(vector["key"])))
    message = seal(key, place, bytes.fromhex(vector["plaintext"]))
    texts = (
        str(place.tenant),
        place.table,
        place.column,
        place.row,
        place.purpose.value,
        place.environment,
    )
    opened = generate_sealed.unseal(key.material.reveal_bytes(), key.id.bytes, texts, message)
    assert opened.hex() == vector["plaintext"]


@given(st.binary(max_size=300), TEXT, TEXT, TEXT, st.sampled_from(Purpose))
@settings(deadline=None)
def test_round_trips_any_value_at_any_place(
    plaintext: bytes, table: str, column: str, row: str, purpose: Purpose
) -> None:
    key = new_data_key(purpose)
    place = EncryptionContext(ALICE, table, column, row, purpose, "demo")
    message = seal(key, place, plaintext)
    assert len(message) == len(plaintext) + OVERHEAD_BYTES
    assert key_id_of(message) == key.id
    assert open_sealed(Ring(key), place, message) == Secret(plaintext)
    assert open_sealed(Ring(key), place, memoryview(message)) == Secret(plaintext)


def test_sealed_value_opens_at_its_own_place_only() -> None:
    """Sealed at each of 216 places, a value opens at its own and at none of the other 215."""
    places = [
        EncryptionContext(tenant, table, column, row, purpose, environment)
        for tenant, table, column, row, purpose, environment in itertools.product(
            (ALICE, CHARLIE, NO_TENANT),
            ("token", "tokens"),
            ("refresh", "access"),
            ("1", "2", "11"),
            (Purpose.REFRESH_TOKEN, Purpose.PII),
            ("production", "staging", "demo"),
        )
    ]
    # The same id and material for both purposes: only the purpose in the place differs.
    material = Secret(bytes(range(32)))
    keys = {
        purpose: DataKey(ALICE, purpose, material)
        for purpose in (Purpose.REFRESH_TOKEN, Purpose.PII)
    }
    opened = refused = 0
    for sealed_at in places:
        message = seal(keys[sealed_at.purpose], sealed_at, b"plain")
        for opened_at in places:
            if opened_at == sealed_at:
                assert (
                    open_sealed(Ring(keys[opened_at.purpose]), opened_at, message).reveal()
                    == "plain"
                )
                opened += 1
            else:
                with pytest.raises(CannotOpenError):
                    open_sealed(Ring(keys[opened_at.purpose]), opened_at, message)
                refused += 1
    assert (opened, refused) == (len(places), len(places) * (len(places) - 1))


def test_every_field_of_a_place_is_in_the_matrix() -> None:
    """Compare the fields with the matrix above, which must grow with them.

    A field that is added without changing the bytes would not bind.
    """
    assert [field.name for field in dataclasses.fields(EncryptionContext)] == [
        "tenant",
        "table",
        "column",
        "row",
        "purpose",
        "environment",
    ]


@pytest.mark.parametrize("bit", range(8))
def test_a_flipped_bit_at_any_byte_is_refused(bit: int) -> None:
    key = new_data_key(Purpose.REFRESH_TOKEN)
    message = seal(key, PLACE, b"sixteen bytes ok")
    assert open_sealed(Ring(key), PLACE, message)
    for index in range(len(message)):
        altered = bytearray(message)
        altered[index] ^= 1 << bit
        with pytest.raises(CannotOpenError):
            open_sealed(Ring(key), PLACE, bytes(altered))


def test_sealed_message_of_any_other_length_is_refused() -> None:
    key = new_data_key(Purpose.REFRESH_TOKEN)
    message = seal(key, PLACE, b"plain")
    for altered in [message[:length] for length in range(len(message))] + [
        message + b"\x00",
        message + message,
    ]:
        with pytest.raises(CannotOpenError):
            open_sealed(Ring(key), PLACE, altered)


def test_message_pointing_to_another_key_id_is_refused() -> None:
    """Point a message at the same material under a second id: refused.

    The key id is bound too.
    """
    key = new_data_key(Purpose.REFRESH_TOKEN)
    twin = DataKey(CHARLIE, key.purpose, key.material)
    message = seal(key, PLACE, b"plain")
    pointed = message[:1] + twin.id.bytes + message[17:]
    with pytest.raises(CannotOpenError):
        open_sealed(Ring(key, twin), PLACE, pointed)


def test_a_lookup_that_returns_another_key_is_refused() -> None:
    key, other = new_data_key(Purpose.REFRESH_TOKEN), new_data_key(Purpose.REFRESH_TOKEN)
    ring = Ring()
    ring.keys[key.id] = other
    with pytest.raises(CannotOpenError):
        open_sealed(ring, PLACE, seal(key, PLACE, b"plain"))


def test_a_key_relabelled_for_another_purpose_opens_nothing() -> None:
    key = new_data_key(Purpose.REFRESH_TOKEN)
    with pytest.raises(CannotOpenError):
        open_sealed(
            Ring(dataclasses.replace(key, purpose=Purpose.PII)), PLACE, seal(key, PLACE, b"plain")
        )


def test_a_key_id_is_read_from_known_versions_only() -> None:
    message = seal(new_data_key(Purpose.REFRESH_TOKEN), PLACE, b"plain")
    for other in (b"\x00" + message[1:], b"\x02" + message[1:], message[: OVERHEAD_BYTES - 1], b""):
        with pytest.raises(CannotOpenError):
            key_id_of(other)


def test_every_refusal_to_open_has_the_same_message() -> None:
    key = new_data_key(Purpose.REFRESH_TOKEN)
    message = seal(key, PLACE, b"plain")
    seen = set()
    elsewhere = dataclasses.replace(PLACE, row="2")
    cases = [
        (Ring(), PLACE, message),
        (Ring(key), elsewhere, message),
        (Ring(key), PLACE, message[:-1]),
        (Ring(key), PLACE, b""),
    ]
    for ring, place, altered in cases:
        with pytest.raises(CannotOpenError) as caught:
            open_sealed(ring, place, altered)
        seen.add((str(caught.value), caught.value.__cause__))
    assert len(seen) == 1


@pytest.mark.parametrize(
    "error", [KeyDestroyedError(ALICE), KeyStoreError("the store does not answer")]
)
def test_destroyed_and_unavailable_keys_have_different_errors(error: Exception) -> None:
    message = seal(new_data_key(Purpose.REFRESH_TOKEN), PLACE, b"plain")
    with pytest.raises(type(error)):
        open_sealed(Failing(error), PLACE, message)


def test_sealing_twice_gives_different_messages() -> None:
    key = new_data_key(Purpose.REFRESH_TOKEN)
    messages = [seal(key, PLACE, b"plain") for _ in range(50)]
    assert len({message[17:49] for message in messages}) == 50
    assert len({message[81:] for message in messages}) == 50


def test_a_key_of_another_purpose_cannot_seal() -> None:
    with pytest.raises(ValueError, match="pii cannot seal"):
        seal(new_data_key(Purpose.PII), PLACE, b"plain")


def test_seal_refuses_a_value_above_the_size_limit() -> None:
    key = new_data_key(Purpose.REFRESH_TOKEN)
    assert open_sealed(Ring(key), PLACE, seal(key, PLACE, bytes(MAX_PLAINTEXT_BYTES)))
    with pytest.raises(ValueError, match="chunks"):
        seal(key, PLACE, bytes(MAX_PLAINTEXT_BYTES + 1))
