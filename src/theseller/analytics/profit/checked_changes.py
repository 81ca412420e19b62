"""Pack the changes of a checked file into a text.

The page keeps it until the person confirms.

Nothing is stored on the server between the two requests. What comes back is checked again by
`set_costs`, so it needs no signature.
"""

from __future__ import annotations

import base64
import binascii
import json
import zlib
from collections.abc import Sequence
from datetime import date
from decimal import Decimal, InvalidOperation

from theseller.analytics.profit.cost_file import FILE_LINES_MAX
from theseller.analytics.profit.types import CostChange, CostKey, CostRefusedError
from theseller.lib.marketplaces import MARKETPLACES
from theseller.lib.money import is_plausible
from theseller.lib.translation_marks import gettext_noop, marked

#: The most bytes of the unpacked text.
_BYTES_MAX = 1_000_000
_UNREADABLE = gettext_noop("The checked file did not arrive complete. Check it again.")


def packed(changes: Sequence[CostChange]) -> str:
    """Return the changes as text of letters and digits."""
    rows = [
        (
            change.key.sku,
            change.key.marketplace_id,
            change.key.currency,
            change.key.valid_from.isoformat(),
            str(change.unit_cost),
            None if change.before is None else str(change.before),
        )
        for change in changes
    ]
    content = zlib.compress(json.dumps(rows, ensure_ascii=False).encode(), 9)
    return base64.urlsafe_b64encode(content).decode()


def unpacked(text: str) -> tuple[CostChange, ...]:
    """Return the changes that `packed` wrote.

    Raises:
        CostRefusedError: the text is not one of its texts.
    """
    try:
        changes = tuple(_change(*row) for row in _rows(text))
    except (binascii.Error, zlib.error, ValueError, TypeError, InvalidOperation, RecursionError):
        changes = ()
    # One period has one cost.
    if not changes or len({change.key for change in changes}) < len(changes):
        raise CostRefusedError(marked(_UNREADABLE))
    return changes


def _rows(text: str) -> list[list[str]]:
    decoder = zlib.decompressobj()
    content = decoder.decompress(base64.urlsafe_b64decode(text), _BYTES_MAX)
    rows = json.loads(content) if decoder.eof else None
    return rows if isinstance(rows, list) and len(rows) <= FILE_LINES_MAX + 2 else []


def _change(
    sku: str, marketplace: str, currency: str, day: str, cost: str, before: str | None
) -> CostChange:
    if not all(isinstance(one, str) for one in (sku, marketplace, currency, day, cost)) or (
        marketplace and marketplace not in MARKETPLACES
    ):
        raise TypeError("a change has other fields")
    # JSON can state what the database does not store: NUL, and lone surrogates, which `encode`
    # refuses with a ValueError.
    if b"\x00" in f"{sku}{currency}".encode():
        raise ValueError("no text")
    amounts = [Decimal(one) for one in (cost, before) if one is not None]
    if not all(is_plausible(amount) for amount in amounts):
        raise ValueError("no amount")
    key = CostKey(sku, marketplace, currency, date.fromisoformat(day))
    return CostChange(key, amounts[0], amounts[1] if before is not None else None)
