"""A secret's value is available through `reveal` only."""

from __future__ import annotations

import copy
import dataclasses
import importlib
import json
import logging
import string
import traceback
from collections.abc import Callable
from typing import Any

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.lib.secret_type import REDACTED, Secret

CANARY = "canary-7c1f09e2"


@dataclasses.dataclass(frozen=True)
class Holder:
    name: str
    token: Secret


def test_secret_reveals_its_text_and_bytes() -> None:
    assert Secret(CANARY).reveal() == CANARY
    assert Secret(CANARY).reveal_bytes() == CANARY.encode()
    assert Secret(b"\x00\xff").reveal_bytes() == b"\x00\xff"


@given(st.text(st.characters(exclude_categories=["Cs"])), st.binary())
def test_secret_round_trips_any_text_and_bytes(text: str, data: bytes) -> None:
    assert Secret(text).reveal() == text
    assert Secret(data).reveal_bytes() == data


@pytest.mark.parametrize(
    "shown",
    [
        repr(Secret(CANARY)),
        str(Secret(CANARY)),
        f"{Secret(CANARY)}",
        f"{Secret(CANARY)!r}",
        f"{Secret(CANARY):>80}",
        "%s" % Secret(CANARY),  # noqa: UP031
        "%r" % Secret(CANARY),  # noqa: UP031
        "{}".format(Secret(CANARY)),  # noqa: UP032
        string.Template("$secret").substitute(secret=Secret(CANARY)),
        repr([Secret(CANARY)]),
        repr({"key": Secret(CANARY)}),
        repr(Holder("alice", Secret(CANARY))),
        repr(dataclasses.asdict(Holder("alice", Secret(CANARY)))),
        repr(ValueError(Secret(CANARY))),
    ],
)
def test_secret_is_printed_as_redacted(shown: str) -> None:
    assert CANARY not in shown
    assert REDACTED in shown


def test_secret_cannot_be_serialized_as_json() -> None:
    with pytest.raises(TypeError):
        json.dumps({"token": Secret(CANARY)})
    with pytest.raises(TypeError) as caught:
        msgspec.json.encode({"token": Secret(CANARY)})
    assert CANARY not in str(caught.value)
    assert CANARY not in json.dumps({"token": Secret(CANARY)}, default=str)


@pytest.mark.parametrize("protocol", range(6))
def test_secret_cannot_be_pickled(protocol: int) -> None:
    # Imported by name: the project bans the module, and this test shows why it could not be used by
    # accident.
    pickler = importlib.import_module("pickle")
    for value in (Secret(CANARY), [Secret(CANARY)], Holder("alice", Secret(CANARY))):
        with pytest.raises(TypeError, match="cannot be pickled"):
            pickler.dumps(value, protocol)


def test_copy_of_a_secret_is_the_same_object() -> None:
    secret = Secret(CANARY)
    assert copy.copy(secret) is secret
    assert copy.deepcopy(secret) is secret


def test_secret_equals_only_another_secret() -> None:
    assert Secret(CANARY) == Secret(CANARY.encode())
    assert Secret(CANARY) != Secret("other")
    assert Secret(CANARY) != CANARY
    # - the other side of the comparison is asked first
    assert CANARY != Secret(CANARY)  # noqa: SIM300


@pytest.mark.parametrize(
    "use",
    [
        hash,
        iter,
        len,
        bytes,
        list,
        int,
        vars,
        lambda s: s + "x",
        lambda s: s[0],
        lambda s: "c" in s,
    ],
)
def test_secret_refuses_every_operation_except_reveal(use: Callable[[Any], object]) -> None:
    with pytest.raises(TypeError) as caught:
        use(Secret(CANARY))
    assert CANARY not in str(caught.value)


def test_secret_is_immutable() -> None:
    secret = Secret(CANARY)
    with pytest.raises(AttributeError):
        secret.other = 1
    with pytest.raises(AttributeError):
        del secret._Secret__value  # type: ignore[attr-defined]
    assert secret.reveal() == CANARY


def test_secret_is_true_unless_empty() -> None:
    assert Secret("x")
    assert not Secret("")


def test_bad_values_are_refused_without_being_shown() -> None:
    with pytest.raises(TypeError, match="not int"):
        Secret(42)  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="not Secret"):
        Secret(Secret(CANARY))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="UTF-8") as caught:
        Secret(CANARY + "\ud800")
    assert caught.value.__context__ is None
    with pytest.raises(ValueError, match="reveal_bytes") as caught:
        Secret(CANARY.encode() + b"\xff").reveal()
    assert caught.value.__context__ is None


def test_traceback_with_locals_does_not_reveal_a_secret() -> None:
    def fail(secret: Secret) -> None:
        holder = Holder("alice", secret)
        raise RuntimeError(f"failed for {holder}")

    with pytest.raises(RuntimeError) as caught:
        fail(Secret(CANARY))
    text = "".join(
        traceback.TracebackException.from_exception(caught.value, capture_locals=True).format()
    )
    assert "holder = Holder(name='alice', token=<redacted>)" in text
    assert CANARY not in text


def test_secret_in_logging_arguments_is_not_revealed() -> None:
    record = logging.LogRecord("x", logging.INFO, __file__, 1, "token %s", (Secret(CANARY),), None)
    assert record.getMessage() == f"token {REDACTED}"
