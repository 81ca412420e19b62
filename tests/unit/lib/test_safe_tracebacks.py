"""What is logged of an exception: everything about the code, nothing of the values."""

from __future__ import annotations

import errno

import psycopg
import pytest
from tests.database import superuser

from theseller.lib.safe_tracebacks import describe, trace_text
from theseller.postgres.errors import ServerFailedError

VALUE = "correct-horse-battery"


class ForeignError(Exception):
    """Not ours: its module is this test's."""


def _trace(*errors: BaseException) -> str:
    """Raise the errors, each during the handling of the one before, and return the description."""
    try:
        for number, error in enumerate(errors):
            try:
                raise error
            except type(error):
                if number + 1 == len(errors):
                    raise
                try:
                    raise errors[number + 1]
                except type(errors[number + 1]) as last:
                    return trace_text(last)
    except BaseException as error:  # noqa: BLE001
        return trace_text(error)
    raise AssertionError("nothing was raised")


@pytest.mark.parametrize(
    "error",
    [
        ValueError(VALUE),
        KeyError(VALUE),
        ForeignError(VALUE, 7),
        SystemExit(VALUE),
        SyntaxError(VALUE),
    ],
)
def test_the_message_of_a_foreign_exception_is_left_out_and_its_class_is_kept(
    error: BaseException,
) -> None:
    error.add_note(f"while it read {VALUE}")
    described = _trace(error)
    assert VALUE not in described
    assert type(error).__name__ in described
    assert "test_safe_tracebacks.py" in described


def test_traceback_keeps_messages_of_our_own_exceptions() -> None:
    assert "could not start" in _trace(ServerFailedError("PostgreSQL could not start."))


def test_causes_contexts_and_groups_are_kept_without_their_messages() -> None:
    described = _trace(ValueError(VALUE), ForeignError(VALUE))
    assert VALUE not in described
    assert (
        described.index("ValueError")
        < described.index("During handling")
        < described.index("ForeignError")
    )
    described = _trace(
        ExceptionGroup(VALUE, [ValueError(VALUE), ExceptionGroup(VALUE, [KeyError(VALUE)])])
    )
    assert VALUE not in described
    assert "ValueError" in described
    assert "KeyError" in described


def test_exception_that_is_its_own_cause_is_printed_once() -> None:
    error = ValueError(VALUE)
    error.__cause__ = error
    assert trace_text(error) == "ValueError"


def test_the_message_of_the_system_is_kept_without_the_path() -> None:
    described = describe(
        FileNotFoundError(errno.ENOENT, "No such file or directory", f"/home/{VALUE}")
    )
    assert described == "FileNotFoundError: [Errno 2] No such file or directory"


@pytest.mark.parametrize(
    ("statement", "described"),
    [
        (f"select '{VALUE}'::uuid", "psycopg.errors.InvalidTextRepresentation: SQLSTATE 22P02"),
        (
            (
                "create temporary table t (word text constraint short check (length(word) < 3));"
                f" insert into t values ('{VALUE}')"
            ),
            "psycopg.errors.CheckViolation: SQLSTATE 23514, constraint short, table t",
        ),
        (
            (
                "create temporary table t (word text constraint once unique); insert into t values"
                f" ('{VALUE}'), ('{VALUE}')"
            ),
            "psycopg.errors.UniqueViolation: SQLSTATE 23505, constraint once, table t",
        ),
    ],
)
def test_an_sql_error_keeps_its_code_and_names(statement: str, described: str) -> None:
    with superuser() as connection, pytest.raises(psycopg.Error) as caught:
        connection.execute(statement)
    assert VALUE in str(caught.value)
    assert describe(caught.value) == described
    assert VALUE not in trace_text(caught.value).replace(statement, "")
