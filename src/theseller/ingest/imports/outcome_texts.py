"""Texts about what an import did, for the page and the command line."""

from __future__ import annotations

from theseller.ingest.imports.inspection_texts import counted
from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.ingest.report_handlers.registry import handler_of


def outcome_texts(outcome: ImportOutcome) -> list[str]:
    """Return sentences about what an import did, the most important first."""
    if outcome.status is ImportStatus.REFUSED:
        return [
            f"Nothing was stored: {outcome.why_not}.",
            *([outcome.advice] if outcome.advice else []),
        ]
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
        texts.append(
            f"{counted(written.too_old, 'line')} skipped: older than the 18 months that data is"
            " kept."
        )
    if written.elsewhere and inspection.report_type:
        handler = handler_of(inspection.report_type)
        lines = counted(written.elsewhere, handler.outside_unit)
        texts.append(f"{lines} skipped: {handler.outside_reason}.")
    return texts
