"""The inspection of a report file as text for a terminal.

Names and values in two columns, wrapped. No value of the file's cells is in it.
"""

from __future__ import annotations

import shutil
import textwrap
from collections.abc import Iterator
from decimal import Decimal

from theseller.amazon.reports import Inspection
from theseller.amazon.reports.format_registry import title
from theseller.ingest.imports.inspection_texts import (
    counted,
    dropped_by_reason,
    is_count,
    period_texts,
)
from theseller.lib.marketplaces import by_code
from theseller.lib.money import minor_unit_digits

#: How to answer what a file leaves open.
ASKS_HINT = "Say it with --store, --from and --to."
_LABEL = 12
_REFUSED_SHOWN = 20


def inspection_text(name: str, inspection: Inspection) -> str:
    """Return everything that is known about a report file, verdict last."""
    lines = [name]
    for label, values in _sections(inspection):
        for place, value in enumerate(values):
            lines.extend(_wrapped(label if not place else "", value))
    return "\n".join([*lines, *verdict_lines(inspection)])


def verdict_lines(inspection: Inspection) -> list[str]:
    """Return whether it can be imported, why not, and what to do."""
    if inspection.importable:
        return _wrapped("verdict", "can be imported")
    advice = _wrapped("", inspection.advice) if inspection.advice else []
    if inspection.asks:
        advice += _wrapped("", ASKS_HINT)
    return _wrapped("verdict", f"CAN'T be imported: {inspection.why_not}") + advice


def _wrapped(label: str, value: str) -> list[str]:
    width = max(min(shutil.get_terminal_size((100, 24)).columns, 120), 50)
    first = f"  {label:<{_LABEL}}"
    # A value with runs of blanks is a line of a table, which must not be broken.
    wrap = (
        [value]
        if "  " in value
        else textwrap.wrap(
            value, width - _LABEL - 2, break_on_hyphens=False, break_long_words=False
        )
    )
    return [
        f"{first if not place else ' ' * (_LABEL + 2)}{part}"
        for place, part in enumerate(wrap or [""])
    ]


def _sections(inspection: Inspection) -> Iterator[tuple[str, list[str]]]:
    kind = inspection.report_type
    yield (
        "report",
        [f"{title(kind)} ({kind})" if kind else title(kind), *_decided(inspection.type_evidence)],
    )
    if inspection.encoding:
        yield (
            "encoding",
            [
                (
                    f"{inspection.encoding}:"
                    f" {inspection.encoding_evidence}{'; gzip' if inspection.compressed else ''}"
                )
            ],
        )
    if inspection.size:
        yield "size", [f"{counted(inspection.size, 'byte')}; SHA-256 {inspection.sha256}"]
    if not inspection.columns_kept:
        return
    yield "rows", [counted(inspection.rows, "row")]
    yield "period", period_texts(inspection) or ["none"]
    yield (
        "stores",
        [
            ", ".join(by_code(code).sales_channel for code in inspection.marketplaces)
            or "none of Amazon's"
        ],
    )
    yield "currencies", [", ".join(inspection.currencies) or "none"]
    yield "totals", _totals(inspection) or ["none"]
    yield (
        "kept",
        [
            (
                f"{counted(len(inspection.columns_kept), 'column')}:"
                f" {', '.join(inspection.columns_kept)}"
            )
        ],
    )
    dropped = [
        f"{reason}: {', '.join(names)}" for reason, names in dropped_by_reason(inspection).items()
    ]
    yield (
        "dropped",
        [
            (
                f"{counted(len(inspection.columns_dropped), 'column')}, never read:"
                if dropped
                else "nothing"
            ),
            *dropped,
        ],
    )
    yield "refused", list(_refused(inspection)) or ["no rows"]
    if inspection.warnings:
        yield "note", list(inspection.warnings)


def _decided(evidence: str) -> list[str]:
    return [f"decided by {evidence}"] if evidence else []


def _totals(inspection: Inspection) -> list[str]:
    """One line for each currency and measure, amounts flush right."""
    lines: list[tuple[str, str, str]] = []
    for currency, measures in sorted(inspection.totals.items()):
        head = currency or "(none)"
        for measure, value in measures.items():
            if not currency and not value:
                # Pending and cancelled lines have no currency, and then no amounts either.
                continue
            lines.append((head, measure, _amount(measure, value, currency)))
            head = ""
    wide = max((len(measure) for _, measure, _ in lines), default=0)
    right = max((len(amount) for _, _, amount in lines), default=0)
    return [f"{head:<7}{measure:<{wide}}  {amount:>{right}}" for head, measure, amount in lines]


def _amount(measure: str, value: Decimal, currency: str) -> str:
    # Never fewer decimals than the total has: a rounded total would not agree with Seller Central.
    digits = (
        0
        if is_count(measure)
        else max(minor_unit_digits(currency), -int(value.normalize().as_tuple().exponent))
    )
    return f"{value:,.{digits}f}"


def _refused(inspection: Inspection) -> Iterator[str]:
    count = inspection.rows_refused_count
    if not count:
        return
    yield f"{counted(count, 'row')}:"
    shown = inspection.rows_refused[:_REFUSED_SHOWN]
    for row in shown:
        yield f"line {row.line}{f', {row.column}' if row.column else ''}: {row.reason}"
    if count > len(shown):
        yield f"and {count - len(shown):,} more"
