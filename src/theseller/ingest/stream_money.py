"""Money: listTransactions, first the whole history window by window, then what was posted since, with three days' overlap."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

from theseller.amazon.decoders.finances import decode_transactions
from theseller.amazon.errors import GoneError, InvalidRequestError, OtherSellerError
from theseller.amazon.kinds import Kind
from theseller.amazon.spapi import Value
from theseller.connections.seller import SellerCheck, check_of
from theseller.ingest.ledger import write_transactions
from theseller.ingest.pull import Pull
from theseller.ingest.types import Advance
from theseller.ingest.unclassified import report_unclassified
from theseller.ingest.windows import HISTORY_WINDOWS, Window, read, whole_second, window, written

LAG = timedelta(minutes=2, seconds=5)
#: Amazon: transactions of the last 48 hours may still be missing. A day more for a late start.
OVERLAP = timedelta(days=3)
EVERY = timedelta(minutes=10)


def start(at: datetime) -> tuple[dict[str, Any], int]:
    anchor = whole_second(at - LAG)
    return {"anchor": written(anchor), "pending": list(range(HISTORY_WINDOWS)), "until": None, "token": None}, HISTORY_WINDOWS


def step(pull: Pull) -> None:
    """Fetch and write one page. A page may be empty and still have a successor."""
    cursor = dict(pull.lease.cursor)
    span = _span(cursor, pull.at)
    params: dict[str, Value] = {"postedAfter": span.start, "postedBefore": span.end}
    try:
        page = decode_transactions(
            pull.ask("listTransactions", params=params | ({"nextToken": cursor["token"]} if cursor["token"] else {}))
        )
    except (GoneError, InvalidRequestError):
        if not cursor["token"]:
            raise
        pull.commit(Advance(due_at=pull.at, cursor={**cursor, "token": None}))
        return
    check = check_of(page.selling_partner_ids, pull.view.selling_partner_id)
    if check is SellerCheck.MISMATCH:
        raise OtherSellerError("listTransactions")
    pull.saw("listTransactions", page.drift)

    def write() -> None:
        stores = pull.view.marketplace_ids
        done = write_transactions(page.transactions, tenant=pull.tenant, connection=pull.connection, marketplace_ids=stores, at=pull.at)
        unknown = sum(line.kind is Kind.UNCLASSIFIED for transaction in page.transactions for line in transaction.lines)
        report_unclassified(unknown, source="finances", stored=done.rows > 0)

    pull.commit(_later(pull, cursor, span, page.next_token), write)


def _span(cursor: dict[str, Any], at: datetime) -> Window:
    anchor = read(cursor["anchor"])
    if cursor["pending"]:
        return window(anchor, cursor["pending"][0])
    until = read(cursor["until"]) if cursor["until"] else whole_second(at - LAG)
    return Window(anchor - OVERLAP, until)


def _later(pull: Pull, cursor: dict[str, Any], span: Window, token: str | None) -> Advance:
    if token:
        return Advance(due_at=pull.at, cursor={**cursor, "token": token, "until": written(span.end)})
    if not cursor["pending"]:
        done = {**cursor, "anchor": written(span.end), "until": None, "token": None}
        return Advance(due_at=pull.at + EVERY, cursor=done, fresh_until=span.end)
    pending = cursor["pending"][1:]
    return Advance(
        due_at=pull.at,
        cursor={**cursor, "pending": pending, "until": None, "token": None},
        work_done=HISTORY_WINDOWS - len(pending),
        work_total=HISTORY_WINDOWS,
        # The newest window is read first: from then on the figures of recent days are complete.
        fresh_until=span.end if cursor["pending"][0] == 0 else None,
    )
