"""What several decoders share: the naming of Amazon's fields, instants, currencies."""

from __future__ import annotations

import re
from datetime import datetime
from decimal import Decimal
from typing import Annotated

import msgspec

from theseller.lib.money import is_plausible

Instant = Annotated[datetime, msgspec.Meta(tz=True)]
_YEARS = range(1995, 2101)
#: A number of units or of orders: what a column of four bytes holds. Anything larger is no count of
#: Amazon's.
Count = Annotated[int, msgspec.Meta(ge=-(2**31), le=2**31 - 1)]
Currency = Annotated[str, msgspec.Meta(min_length=3, max_length=3)]


class Wire(msgspec.Struct, frozen=True, gc=False, rename="camel"):
    """A part of an answer. Names are Amazon's in snake case; anything not named is skipped by the parser."""


class RecursiveWire(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an answer that may hold its own kind; watched by the garbage collector."""


_WORD_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[ -]+")


def enum_value(text: str) -> str:
    """Return a value of one of Amazon's enumerations as its models spell it: ``Deferred_Released`` → ``DEFERRED_RELEASED``.

    Amazon's own examples print ``Released`` where the model says ``RELEASED``, so no enumeration is
    compared as it came.
    """
    return _WORD_BREAKS.sub("_", text.strip()).upper()


def spell_enums(struct: msgspec.Struct, *names: str) -> None:
    """Spell the fields `names` of a decoded struct as Amazon's models do; for ``__post_init__``."""
    for name in names:
        text = getattr(struct, name)
        if text is not None and (spelled := enum_value(text)) != text:
            msgspec.structs.force_setattr(struct, name, spelled)


def check_instant(instant: datetime) -> None:
    """Refuse an instant of no year of Amazon's, which is none at all in some time zones. Raises ValueError."""
    if instant.year not in _YEARS:
        raise ValueError("not a year of Amazon's")


def check_amount(amount: Decimal) -> None:
    """Refuse what no ledger can hold: not-a-number, infinities, quadrillions, endless digits. Raises ValueError without the value."""
    if not is_plausible(amount):
        raise ValueError("not an amount")
