"""Types and checks of response fields: names, instants, amounts, enums."""

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
    """A part of an answer.

    Names are Amazon's in snake case; anything not named is skipped by the parser.
    """


class RecursiveWire(msgspec.Struct, frozen=True, rename="camel"):
    """A part of an answer that may contain its own kind.

    Unlike `Wire`, it is tracked by the garbage collector.
    """


_WORD_BREAKS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|[ -]+")


def enum_value(text: str) -> str:
    """Return a value of an enumeration as Amazon's models spell it.

    ``Deferred_Released`` becomes ``DEFERRED_RELEASED``. Amazon's own examples print ``Released``
    where the model says ``RELEASED``, so no enumeration is compared as it came.
    """
    return _WORD_BREAKS.sub("_", text.strip()).upper()


def spell_enums(struct: msgspec.Struct, *names: str) -> None:
    """Spell the fields `names` of a struct as Amazon's models do.

    For ``__post_init__``.
    """
    for name in names:
        text = getattr(struct, name)
        if text is not None and (spelled := enum_value(text)) != text:
            msgspec.structs.force_setattr(struct, name, spelled)


def check_instant(instant: datetime) -> None:
    """Refuse an instant outside the years 1995 to 2100.

    Some time zones have no such local time.

    Raises:
        ValueError: it is outside.
    """
    if instant.year not in _YEARS:
        raise ValueError("not a year of Amazon's")


def check_amount(amount: Decimal) -> None:
    """Refuse an amount that no ledger can hold.

    Not-a-number, infinities, quadrillions, endless digits.

    Raises:
        ValueError: it is refused. The text does not contain the value.
    """
    if not is_plausible(amount):
        raise ValueError("not an amount")
