"""What a person says about a file that does not say it itself."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import date
from enum import StrEnum

from theseller.lib.marketplaces import Marketplace
from theseller.lib.translation_marks import gettext_noop


class Question(StrEnum):
    """What a file leaves open, so that a person has to say it."""

    STORE = "store"
    DAYS = "days"


@dataclass(frozen=True, slots=True)
class Stated:
    """The store and the first and last day that a person names for a file.

    None: not stated. A file that says them itself is read as it says.
    """

    marketplace: Marketplace | None = None
    first: date | None = None
    last: date | None = None

    @property
    def days(self) -> tuple[date, date] | None:
        """The first and the last day; None unless both are stated."""
        return (self.first, self.last) if self.first and self.last else None


NOTHING_STATED = Stated()
#: Why a file that names no store can't be imported, and what to do.
NO_STORE = (
    gettext_noop("the file does not say of which store it is"),
    gettext_noop("Choose the store that the report was downloaded for."),
)
