"""Two places never look the same."""

from __future__ import annotations

from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.key_types import Purpose

ALICE = UUID("018f3c1e-7a00-7000-8000-00000000a11c")
TEXT = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6)
PLACES = st.builds(
    EncryptionContext,
    tenant=st.sampled_from([ALICE, UUID(int=0)]),
    table=TEXT,
    column=TEXT,
    row=TEXT,
    purpose=st.sampled_from(Purpose),
    environment=st.sampled_from(["demo", "staging"]),
)


def place(**changes: Any) -> EncryptionContext:  # noqa: ANN401
    fields: dict[str, Any] = {
        "tenant": ALICE,
        "table": "token",
        "column": "refresh",
        "row": "1",
        "purpose": Purpose.REFRESH_TOKEN,
        "environment": "demo",
    }
    return EncryptionContext(**fields | changes)


@given(PLACES, PLACES)
def test_different_encryption_contexts_have_different_bytes(
    one: EncryptionContext, other: EncryptionContext
) -> None:
    assert (one == other) == (one.canonical() == other.canonical())


def test_moving_a_letter_between_fields_changes_the_bytes() -> None:
    assert place(table="ab", column="c").canonical() != place(table="a", column="bc").canonical()
    assert place(row="é").canonical() != place(row="e\u0301").canonical()


@pytest.mark.parametrize("field", ["table", "column", "row", "environment"])
@pytest.mark.parametrize(
    ("value", "error"),
    [
        ("", ValueError),
        ("a\ud800", ValueError),
        (7, TypeError),
        (b"x", TypeError),
        (None, TypeError),
    ],
)
def test_context_fields_reject_invalid_text(
    field: str, value: object, error: type[Exception]
) -> None:
    with pytest.raises(error, match=field):
        place(**{field: value})


@pytest.mark.parametrize(
    "changes", [{"tenant": str(ALICE)}, {"tenant": None}, {"purpose": "refresh_token"}]
)
def test_tenant_and_purpose_must_be_of_their_types(changes: dict[str, object]) -> None:
    with pytest.raises(TypeError):
        place(**changes)


@pytest.mark.parametrize("environment", ["Production", "1st", "a b", "a_b", "x" * 33, "a\n"])
def test_an_environment_has_a_plain_name(environment: str) -> None:
    with pytest.raises(ValueError, match="environment"):
        place(environment=environment)
