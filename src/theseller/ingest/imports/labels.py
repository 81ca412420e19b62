"""Texts about reports and imports, for the page and the command line."""

from __future__ import annotations

from datetime import date

from theseller.amazon.reports import Inspection
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.ingest.reports.registry import handler_of
from theseller.lib.marketplaces import by_code

_COUNTED = ("quantity", "units", "sessions")


def is_count(measure: str) -> bool:
    """Return whether a measure of an inspection's totals counts things; the others are money."""
    return measure.startswith(_COUNTED)


def period_texts(inspection: Inspection) -> list[str]:
    """Return the days that the report covers, with the stores whose days they are: ``1 – 31 Oct 2026 in Amazon.de, Amazon.fr``."""
    stores: dict[tuple[date, date], list[str]] = {}
    for code, days in inspection.period.days.items():
        stores.setdefault(days, []).append(by_code(code).sales_channel)
    texts = [f"{span(*days)} in {', '.join(names)}" for days, names in stores.items()]
    if not texts and inspection.period.first and inspection.period.last:
        texts.append(f"{span(inspection.period.first.date(), inspection.period.last.date())} (UTC)")
    return texts


def span(first: date, last: date) -> str:
    """Write a span of days without repeating what both ends share."""
    end = f"{last.day} {last:%b %Y}"
    if first == last:
        return end
    if (first.year, first.month) == (last.year, last.month):
        return f"{first.day} \u2013 {end}"
    begin = f"{first.day} {first:%b}" if first.year == last.year else f"{first.day} {first:%b %Y}"
    return f"{begin} \u2013 {end}"


def dropped_by_reason(inspection: Inspection) -> dict[str, list[str]]:
    """Return the dropped columns by the reason why, personal data first."""
    groups: dict[str, list[str]] = {}
    for column in sorted(inspection.columns_dropped, key=lambda one: (not one.reason.startswith("PII"), one.reason)):
        groups.setdefault(column.reason, []).append(column.name)
    return groups


def counted(number: int, one: str, many: str = "") -> str:
    """Write ``1 line`` or ``1,204 lines``."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"


def outcome_texts(outcome: ImportOutcome) -> list[str]:
    """Return sentences about what an import did, the most important first."""
    if outcome.status is ImportStatus.REFUSED:
        return [f"Nothing was stored: {outcome.why_not}.", *([outcome.advice] if outcome.advice else [])]
    if outcome.status is ImportStatus.ALREADY:
        when = f" on {outcome.since.day} {outcome.since:%b %Y, %H:%M} UTC" if outcome.since else ""
        return [f"This report was already imported{when}. No data changed."]
    texts = [_stored_text(outcome)]
    written = outcome.written
    kind = outcome.inspection.report_type
    whole = handler_of(kind).slice_name if kind else "order"
    if written.unchanged:
        texts.append(f"{counted(written.unchanged, whole)} unchanged.")
    if written.outdated:
        texts.append(f"{counted(written.outdated, whole)} skipped: a newer version is stored.")
    return texts + _left_out(outcome)


def _stored_text(outcome: ImportOutcome) -> str:
    if outcome.status is ImportStatus.EMPTY:
        return "This file has nothing to import. No data changed."
    written = outcome.written
    if not written.rows:
        return "Recorded. All lines are already stored."
    instead = f", replacing {counted(written.replaced, 'earlier line')}" if written.replaced else ""
    return f"Stored {counted(written.rows, 'line')}{instead}."


def _left_out(outcome: ImportOutcome) -> list[str]:
    written, inspection, texts = outcome.written, outcome.inspection, []
    if inspection.rows_refused_count:
        texts.append(f"{counted(inspection.rows_refused_count, 'row')} skipped: unreadable.")
    if written.too_old:
        texts.append(f"{counted(written.too_old, 'line')} skipped: older than the 18 months that data is kept.")
    if written.elsewhere and inspection.report_type:
        handler = handler_of(inspection.report_type)
        lines = counted(written.elsewhere, handler.outside_unit)
        texts.append(f"{lines} skipped: {handler.outside_reason}.")
    return texts
