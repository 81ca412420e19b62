"""Join rows that a line break inside a cell has cut in two.

Amazon prints some texts with the line break that they contain. The second half then is a line that
does not begin with a settlement id, and both halves together have as many cells as the header has
columns. A break may also be in place of a tab, or after the tab of the last cell.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator

from theseller.amazon.reports.flat_file_header import Header
from theseller.amazon.reports.report_text_reader import Batch
from theseller.lib.translation_marks import gettext_noop

_BLANK = "\t \x1a"
_DAY = re.compile(r"[0-9]{1,4}[-./][0-9]{1,2}[-./][0-9]{2,4}")
_CURRENCY = re.compile(r"[A-Za-z]{3}")
_PROMOTION = re.compile(r"(?=.*[0-9 _-])[\w.:/()%+#&-]{4,60}(?: [\w.:/()%+#&-]{1,40}){0,8}")

FEWER_CELLS = gettext_noop(
    "fewer cells than the header has columns: perhaps a line break cut the row in two, or it is a"
    " remark or totals below the rows"
)
NO_NUMBER = gettext_noop(
    "the line begins with no settlement number: perhaps a line break cut a row in two, or it is a"
    " line of totals"
)
#: What to do if the lines do not add up to the payout.
LINES_MISSING_ADVICE = gettext_noop(
    "If you changed the file, download it again and import it unchanged. If it is as Amazon made"
    " it, Amazon left lines out: open a case with Amazon (Seller Central > Help) and give the"
    " settlement's number and this difference."
)

#: The line of a row, counted from 1; its cells; whether it was put together from several lines.
SettlementRow = tuple[int, list[str], bool]


def settlement_rows(batches: Iterable[Batch], header: Header) -> Iterator[list[SettlementRow]]:
    """Yield the rows of a settlement below its header, batch by batch."""
    identity = header.at("settlement-id")
    pending: SettlementRow | None = None
    known = ""
    for batch in batches:
        rows: list[SettlementRow] = []
        for number, line in enumerate(batch.lines, batch.first):
            if number <= header.line or not line.strip(_BLANK):
                continue
            cells = line.split("\t")
            if len(cells) > header.width or line[-1] == "\x1a":
                cells = without_blank_tail(line.rstrip("\x1a").split("\t"), header.width)
            if pending is not None:
                other = len(cells) <= identity or not known or cells[identity] != known
                if other and (whole := _joined(pending[1], cells, header)):
                    pending = pending[0], whole, True
                    continue
                rows.append(pending)
            pending = number, cells, False
            known = cells[identity] if len(cells) > identity else ""
        yield rows
    if pending is not None:
        yield [pending]


def without_blank_tail(cells: list[str], width: int) -> list[str]:
    """Return `cells` without blank ones past the header's last column.

    Some programs append them. The list itself is changed.
    """
    while len(cells) > width and not cells[-1].strip():
        cells.pop()
    return cells


def _joined(pending: list[str], cells: list[str], header: Header) -> list[str] | None:
    """Return the row that begins with `pending` and continues with `cells`.

    None if they are two rows.
    """
    if _is_summary(cells, header):
        return None  # Of another settlement.
    missing = header.width - len(pending) - len(cells)
    if missing == 0 and _is_line(whole := [*pending, *cells], header):
        return whole  # The line break was between two cells, in place of the tab.
    if missing < -1 or (
        len(pending) == header.width and not (pending[-1] or _is_promotion(cells[0], header))
    ):
        return None
    return [*pending[:-1], f"{pending[-1]} {cells[0]}".strip(), *cells[1:]]


def _is_line(cells: list[str], header: Header) -> bool:
    """Return whether the cells of a whole row match their columns.

    Checked are the amount, the date, the channel and the quantity.
    """
    amount, posted, channel, quantity = (
        cells[header.at(name)]
        for name in ("amount", "posted-date", "fulfillment-id", "quantity-purchased")
    )
    return bool(
        any(sign.isdigit() for sign in amount)
        and (_DAY.match(posted) or not posted)
        and not any(sign.isdigit() for sign in channel)
        and (quantity.replace(".", "").isdigit() or not quantity)
    )


def _is_promotion(text: str, header: Header) -> bool:
    """Return whether `text` may be the last cell of the row before.

    It is alone on its line, and an identifier, not a remark below the rows.
    """
    return header.at("promotion-id") == header.width - 1 and bool(_PROMOTION.fullmatch(text))


def _is_summary(cells: list[str], header: Header) -> bool:
    """Return whether `cells` look like the summary of a settlement.

    Else they may be the rest of a row that begins with digits.
    """
    starts, currency = header.at("settlement-start-date"), header.at("currency")
    if not cells[0].isdigit() or len(cells) <= max(starts, currency):
        return False
    return bool(_DAY.match(cells[starts]) and _CURRENCY.fullmatch(cells[currency].strip()))
