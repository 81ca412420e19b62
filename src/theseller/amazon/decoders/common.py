"""What several decoders share: the naming of Amazon's fields, instants, currencies."""

from __future__ import annotations

from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A part of an answer. Names are Amazon's in snake case; anything not named is skipped by the parser."""


class RecursiveWire(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an answer that may hold its own kind; watched by the garbage collector."""


def check_amount(amount: Decimal) -> None:
    """Refuse what no ledger can hold: not-a-number, infinities, quadrillions. Raises ValueError without the value."""
    if not amount.is_finite() or amount.adjusted() > 15:
        raise ValueError("not an amount")
