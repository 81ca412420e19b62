"""Which tables an erasure deletes from, read from the data map."""

from __future__ import annotations

from collections.abc import Iterable

from theseller.datamap.table_registry import erasure_order
from theseller.datamap.types import Eraser, TableDescriptor
from theseller.erasure.types import SubjectKind

#: Browser sessions end by age, and a user's with the user. Django's table is not among the data
#: map's erasable ones.
SESSIONS = "django_session"


def connection_tables() -> tuple[TableDescriptor, ...]:
    """Return the tables whose rows go with a connection, children first.

    Raises:
        RuntimeError: the data map is not loaded.
    """
    return _some(
        one
        for one in erasure_order()
        if one.eraser in {Eraser.DELETE_CONNECTION, Eraser.REBUILD, Eraser.KEY}
    )


def tenant_tables() -> tuple[TableDescriptor, ...]:
    """Return the tables whose rows go with a tenant, children first.

    Raises:
        RuntimeError: the data map is not loaded.
    """
    return _some(
        one for one in erasure_order() if one.tenant_column and one.eraser is not Eraser.KEEP
    )


def user_tables() -> tuple[TableDescriptor, ...]:
    """Return the tables whose rows go with a user's account, children first.

    They are the user's own, and those of tenants that name users.

    Raises:
        RuntimeError: the data map is not loaded.
    """
    return _some(
        one
        for one in erasure_order()
        if one.eraser is Eraser.DELETE_USER
        or ("accounts_user" in one.parents and one.tenant_column)
    )


def user_column(descriptor: TableDescriptor) -> str:
    """Return the column of `descriptor` that holds the user's id."""
    return "id" if descriptor.table == "accounts_user" else "user_id"


def tables_of(kind: SubjectKind) -> tuple[str, ...]:
    """Return the tables in which a subject of this kind may have left bytes."""
    if kind is SubjectKind.CONNECTION:
        return tuple(one.table for one in connection_tables())
    users = (*(one.table for one in user_tables()), SESSIONS)
    if kind is SubjectKind.USER:
        return users
    return tuple(dict.fromkeys((*(one.table for one in tenant_tables()), *users)))


def _some(found: Iterable[TableDescriptor]) -> tuple[TableDescriptor, ...]:
    """Return what was found.

    Raises:
        RuntimeError: the data map is not loaded. An empty map would prove anything erased.
    """
    descriptors = tuple(found)
    if not descriptors:
        raise RuntimeError("the data map is empty: no erasure can be planned or proven")
    return descriptors
