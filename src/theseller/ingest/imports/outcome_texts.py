"""Texts about what an import did, for the page and the command line."""

from __future__ import annotations

from theseller.ingest.imports.types import ImportOutcome, ImportStatus
from theseller.ingest.report_handlers.registry import handler_of
from theseller.lib.translation_marks import (
    MarkedText,
    gettext_noop,
    marked,
    marked_instant,
    ngettext,
)


def outcome_texts(outcome: ImportOutcome) -> list[MarkedText]:
    """Return sentences about what an import did, the most important first."""
    if outcome.status is ImportStatus.REFUSED:
        return [
            marked(gettext_noop("Nothing was stored: %(reason)s."), reason=marked(outcome.why_not)),
            *([marked(outcome.advice)] if outcome.advice else []),
        ]
    if outcome.status is ImportStatus.ALREADY:
        return [_already_text(outcome)]
    texts = [_stored_text(outcome)]
    written = outcome.written
    handler = handler_of(outcome.inspection.report_type) if outcome.inspection.report_type else None
    if written.unchanged and handler:
        texts.append(handler.unchanged_text(written.unchanged))
    if written.outdated and handler:
        texts.append(handler.outdated_text(written.outdated))
    return texts + _left_out(outcome)


def _already_text(outcome: ImportOutcome) -> MarkedText:
    if outcome.since is None:
        return marked(gettext_noop("This report was already imported. No data changed."))
    return marked(
        gettext_noop("This report was already imported on %(time)s. No data changed."),
        time=marked_instant(outcome.since),
    )


def _stored_text(outcome: ImportOutcome) -> MarkedText:
    if outcome.status is ImportStatus.EMPTY:
        return marked(gettext_noop("This file has nothing to import. No data changed."))
    written = outcome.written
    if not written.rows:
        return marked(gettext_noop("Recorded. All lines are already stored."))
    if not written.replaced:
        return ngettext("Stored %(number)s line.", "Stored %(number)s lines.", written.rows)
    return ngettext(
        "Stored %(number)s line, replacing %(replaced)s.",
        "Stored %(number)s lines, replacing %(replaced)s.",
        written.rows,
        replaced=ngettext("%(number)s earlier line", "%(number)s earlier lines", written.replaced),
    )


def _left_out(outcome: ImportOutcome) -> list[MarkedText]:
    written, inspection, texts = outcome.written, outcome.inspection, []
    if inspection.rows_refused_count:
        texts.append(
            ngettext(
                "%(number)s row skipped: unreadable.",
                "%(number)s rows skipped: unreadable.",
                inspection.rows_refused_count,
            )
        )
    if written.too_old:
        texts.append(
            ngettext(
                "%(number)s line skipped: older than the 18 months that data is kept.",
                "%(number)s lines skipped: older than the 18 months that data is kept.",
                written.too_old,
            )
        )
    if written.elsewhere and inspection.report_type:
        texts.append(handler_of(inspection.report_type).outside_text(written.elsewhere))
    return texts
