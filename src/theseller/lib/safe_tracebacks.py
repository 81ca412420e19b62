"""Tracebacks without values: types, lines, and own texts only.

Texts of foreign exceptions quote their input: PostgreSQL's keys and rows ("Key (email)=(…) already
exists"), `int()` its argument, `KeyError` its key. No redactor recognizes those, so they are left
out.
"""

from __future__ import annotations

import traceback
from collections.abc import Iterator

from theseller.lib.database_failures import reason_of

#: Our exceptions contain no payload value and no secret; texts of others may.
_OWN_PACKAGE = "theseller."
_CHAIN_TEXT = {
    "cause": "The above exception was the direct cause of the following exception:",
    "context": "During handling of the above exception, another exception occurred:",
}


def describe(error: BaseException) -> str:
    """Return the exception's type with its harmless details.

    These are our own texts, PostgreSQL's SQLSTATE and object names, and the system's error text.
    """
    kind = type(error)
    name = (
        kind.__qualname__
        if kind.__module__ in {"builtins", "__main__"}
        else f"{kind.__module__}.{kind.__qualname__}"
    )
    details = _safe_details(error)
    return f"{name}: {details}" if details else name


def trace_text(error: BaseException) -> str:
    """Return a traceback without local variables and foreign texts.

    Causes, contexts and group members are included.
    """
    return "\n".join(_lines(error, set()))


def _safe_details(error: BaseException) -> str:
    if type(error).__module__.startswith(_OWN_PACKAGE):
        try:
            return str(error)
        except Exception:  # noqa: BLE001
            return ""
    state = getattr(error, "sqlstate", None)
    if isinstance(state, str):
        found = getattr(error, "diag", None)
        names = {
            part: getattr(found, f"{part}_name", None) for part in ("constraint", "table", "column")
        }
        return ", ".join(
            [f"SQLSTATE {state}", *(f"{part} {name}" for part, name in names.items() if name)]
        )
    if reason := reason_of(error):
        return f"reason={reason}"
    return _operating_system_text(error)


def _operating_system_text(error: BaseException) -> str:
    if isinstance(error, ImportError) and error.name:
        return error.name
    if isinstance(error, OSError) and isinstance(error.strerror, str):
        return f"[Errno {error.errno}] {error.strerror}"
    return ""


def _lines(error: BaseException, seen: set[int]) -> Iterator[str]:
    seen.add(id(error))
    before, word = (
        (error.__cause__, "cause")
        if error.__cause__ is not None
        else (error.__context__, "context")
    )
    if (
        before is not None
        and id(before) not in seen
        and not (word == "context" and error.__suppress_context__)
    ):
        yield from _lines(before, seen)
        yield f"\n{_CHAIN_TEXT[word]}\n"
    if error.__traceback__ is not None:
        yield "Traceback (most recent call last):"
        yield "".join(traceback.format_tb(error.__traceback__)).rstrip("\n")
    yield describe(error)
    if isinstance(error, BaseExceptionGroup):
        for number, inner in enumerate(error.exceptions, 1):
            yield f"--- {number} of the group:"
            if id(inner) not in seen:
                yield from _lines(inner, seen)
