"""Texts about an inspected report, for the page and the command line.

Does not import Django.
"""

from __future__ import annotations

from datetime import date

from theseller.amazon.reports import Inspection
from theseller.lib.marketplaces import by_code
from theseller.lib.translation_marks import gettext_noop, marked, marked_days

_COUNTED = ("quantity", "units", "sessions")


def is_count(measure: str) -> bool:
    """Return whether a measure of an inspection's totals is a count.

    The others are money.
    """
    return measure.startswith(_COUNTED)


def period_texts(inspection: Inspection) -> list[str]:
    """Return the days that the report covers, with their stores.

    For example ``1 – 31 Oct 2026 in Amazon.de, Amazon.fr``; the days are those of the stores.
    """
    stores: dict[tuple[date, date], list[str]] = {}
    for code, days in inspection.period.days.items():
        stores.setdefault(days, []).append(by_code(code).sales_channel)
    texts: list[str] = [
        marked(
            gettext_noop("%(days)s in %(stores)s"), days=marked_days(*days), stores=", ".join(names)
        )
        for days, names in stores.items()
    ]
    if not texts and inspection.period.first and inspection.period.last:
        utc = marked_days(inspection.period.first.date(), inspection.period.last.date())
        texts.append(marked(gettext_noop("%(days)s (UTC)"), days=utc))
    return texts


def dropped_by_reason(inspection: Inspection) -> dict[str, list[str]]:
    """Return the dropped columns by the reason why, personal data first."""
    groups: dict[str, list[str]] = {}
    for column in sorted(
        inspection.columns_dropped, key=lambda one: (not one.reason.startswith("PII"), one.reason)
    ):
        groups.setdefault(column.reason, []).append(column.name)
    return groups


def counted(number: int, one: str, many: str = "") -> str:
    """Write ``1 line`` or ``1,204 lines``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
