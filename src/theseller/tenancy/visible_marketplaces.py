"""The marketplaces that the person of a request is limited to.

`accounts.authorization` sets the limit around each view of a shop, and queries of pages read it
here. Jobs and commands have none.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar

_limit: ContextVar[frozenset[str] | None] = ContextVar("theseller_marketplace_limit", default=None)


class OtherMarketplaceError(RuntimeError):
    """A query would read a marketplace that the person may not see."""


@contextmanager
def limited_to(marketplaces: frozenset[str] | None) -> Iterator[None]:
    """Limit every query inside to these marketplaces; None is no limit."""
    token = _limit.set(marketplaces)
    try:
        yield
    finally:
        _limit.reset(token)


def visible_marketplaces() -> list[str] | None:
    """Return the marketplaces that may be read, None if all.

    As the parameter of a statement: ``%(visible)s::text[] is null or marketplace_id = any
    (%(visible)s)``.
    """
    limit = _limit.get()
    return None if limit is None else sorted(limit)


def require_visible(marketplaces: Iterable[str]) -> None:
    """Check that all of `marketplaces` may be read.

    Raises:
        OtherMarketplaceError: one may not. Money that belongs to no marketplace is of the whole
            shop, so no limit includes it.
    """
    limit = _limit.get()
    if limit is not None and not limit.issuperset(marketplaces):
        raise OtherMarketplaceError("the marketplaces of this query are outside the person's limit")
