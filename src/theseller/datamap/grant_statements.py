"""The SQL that gives database roles what the table descriptors declare."""

from __future__ import annotations

import re
from collections.abc import Iterator

from theseller.datamap.table_registry import descriptors

#: `select, update (a, b)`: privileges of a table, each for all columns or for those it names.
_RIGHTS = re.compile(r"(?:select|insert|update|delete)(?: \([a-z0-9_, ]+\))?")
_SIGNATURE = re.compile(r"[a-z0-9_]+\([a-z0-9_, ]*\)")
_ROLE = re.compile(r"[a-z]+")


def grant_statements() -> str:
    """Return the SQL of all declared rights, one statement a line.

    First the owners and callers of functions, then the rights on tables. They complete
    `postgres/sql/grants.sql`, which takes back every right before, and are applied with it
    (`postgres.role_setup.apply_grants`). What both make of a new database is `rights.txt`.

    Raises:
        ValueError: a descriptor declares something that is no right, role or signature.
    """
    return "\n".join([*_functions(), *_tables()])


def cross_tenant_functions() -> frozenset[str]:
    """Return the names of the functions that read or check all tenants' rows."""
    return frozenset(function.name for one in descriptors() for function in one.functions)


def _functions() -> Iterator[str]:
    for descriptor in descriptors():
        for function in descriptor.functions:
            signature = _checked(_SIGNATURE, function.signature)
            owner = _checked(_ROLE, function.owner)
            yield f"alter function guard.{signature} owner to theseller_{owner};"
            callers = ", ".join(
                f"theseller_{_checked(_ROLE, caller)}" for caller in function.callers
            )
            if callers:
                yield f"grant execute on function guard.{signature} to {callers};"


def _tables() -> Iterator[str]:
    for descriptor in descriptors():
        for role, rights in descriptor.grants:
            for right in re.split(r", (?=(?:select|insert|update|delete)\b)", rights):
                _checked(_RIGHTS, right)
            yield f"grant {rights} on {descriptor.qualified} to theseller_{_checked(_ROLE, role)};"


def _checked(pattern: re.Pattern[str], text: str) -> str:
    if not pattern.fullmatch(text):
        raise ValueError(f"the data map can't grant {text!r}")
    return text
