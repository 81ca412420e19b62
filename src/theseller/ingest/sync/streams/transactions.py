"""Transaction stream: listTransactions.

First the whole history window by window, then what was posted since, with three days' overlap.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from theseller.amazon.charge_classifier import ChargeType
from theseller.amazon.decoders.transactions import TransactionsPage, decode_transactions
from theseller.amazon.decoders.undecoded_transactions import UndecodedTransactions, take_apart
from theseller.amazon.errors import ExpiredError, InvalidRequestError, OtherSellerError
from theseller.amazon.spapi_client import Value
from theseller.connections.seller_check import SellerCheck, compare_sellers
from theseller.ingest.facts.bulk_writer import Bulk
from theseller.ingest.facts.history_windows import (
    HISTORY_WINDOWS,
    Window,
    format_instant,
    parse_instant,
    whole_second,
    window,
)
from theseller.ingest.facts.ledger_writer import write_transactions
from theseller.ingest.facts.store_attribution import stores_of_seller
from theseller.ingest.facts.transaction_digests import (
    KEPT,
    delete_older_digests,
    digests_of,
    read_before,
)
from theseller.ingest.facts.transaction_report_writer import set_aside_covered
from theseller.ingest.facts.unknown_label_alert import report_unclassified
from theseller.ingest.sync.sync_step import SyncStep
from theseller.ingest.types import Advance

LAG = timedelta(minutes=2, seconds=5)
#: Amazon: transactions of the last 48 hours may still be missing. A day more for a late start.
OVERLAP = timedelta(days=3)
EVERY = timedelta(minutes=10)


def start(at: datetime) -> tuple[dict[str, Any], int]:
    """Return the first cursor and the number of time windows."""
    anchor = whole_second(at - LAG)
    return {
        "anchor": format_instant(anchor),
        "pending": list(range(HISTORY_WINDOWS)),
        "until": None,
        "token": None,
    }, HISTORY_WINDOWS


def run_step(step: SyncStep) -> None:
    """Fetch and write one page.

    A page may be empty and still have a successor.
    """
    cursor = dict(step.lease.cursor)
    span = _span(cursor, step.at)
    params: dict[str, Value] = {"postedAfter": span.start, "postedBefore": span.end}
    try:
        body = step.call(
            "listTransactions",
            params=params | ({"nextToken": cursor["token"]} if cursor["token"] else {}),
        )
    except (ExpiredError, InvalidRequestError):
        if not cursor["token"]:
            raise
        step.commit(Advance(due_at=step.at, cursor={**cursor, "token": None}))
        return
    answer = take_apart(body)
    if answer is None:  # Its decoder says what is wrong, or reads it all the same.
        page = _decoded(step, body)
        _commit(step, _later(step, cursor, span, page.next_token), lambda: _write(step, page, {}))
        return
    _commit(
        step,
        _later(step, cursor, span, answer.next_token),
        lambda: _write_unread(step, answer, is_new_day=_is_new_day(cursor, span)),
    )


def _commit(step: SyncStep, later: Advance, write: Callable[[], None]) -> None:
    """Commit a page.

    Rows of transaction reports whose time is read now are put aside.
    """

    def write_page() -> None:
        write()
        set_aside_covered(Bulk(step.tenant), step.connection, step.at)

    step.commit(later, write_page)


def _write_unread(step: SyncStep, answer: UndecodedTransactions, *, is_new_day: bool) -> None:
    """Write the transactions that are not stored yet as they come."""
    bulk = Bulk(step.tenant)
    digests = digests_of(answer.texts, context=_context(step, bulk)) if answer.texts else {}
    page = _decoded(step, answer.without(read_before(bulk, step.connection, digests)))
    if page.transactions:
        _write(step, page, digests)
    if is_new_day:
        delete_older_digests(bulk, step.connection, step.at - KEPT)


def _decoded(step: SyncStep, body: bytes) -> TransactionsPage:
    page = decode_transactions(body)
    check = compare_sellers(page.selling_partner_ids, step.view.selling_partner_id)
    if check is SellerCheck.MISMATCH:
        raise OtherSellerError("listTransactions")
    step.note_unknown_fields("listTransactions", page.drift)
    return page


def _context(step: SyncStep, bulk: Bulk) -> str:
    """Return what decides, beside its text, how a transaction is stored."""
    stores = stores_of_seller(bulk, step.view.marketplace_ids)
    return f"{step.connection}|{step.view.selling_partner_id}|{step.view.marketplace_ids}|{stores}"


def _write(step: SyncStep, page: TransactionsPage, digests: dict[str, bytes]) -> None:
    done = write_transactions(
        page.transactions,
        tenant=step.tenant,
        connection=step.connection,
        marketplace_ids=step.view.marketplace_ids,
        at=step.at,
        digests=digests,
    )
    unknown = sum(
        line.kind is ChargeType.UNCLASSIFIED
        for transaction in page.transactions
        for line in transaction.lines
    )
    report_unclassified(unknown, source="finances", stored=done.rows > 0)


def _is_new_day(cursor: dict[str, Any], span: Window) -> bool:
    return not cursor["pending"] and parse_instant(cursor["anchor"]).date() < span.end.date()


def _span(cursor: dict[str, Any], at: datetime) -> Window:
    anchor = parse_instant(cursor["anchor"])
    if cursor["pending"]:
        return window(anchor, cursor["pending"][0])
    until = parse_instant(cursor["until"]) if cursor["until"] else whole_second(at - LAG)
    return Window(anchor - OVERLAP, until)


def _later(step: SyncStep, cursor: dict[str, Any], span: Window, token: str | None) -> Advance:
    if token:
        return Advance(
            due_at=step.at, cursor={**cursor, "token": token, "until": format_instant(span.end)}
        )
    if not cursor["pending"]:
        done = {**cursor, "anchor": format_instant(span.end), "until": None, "token": None}
        return Advance(due_at=step.at + EVERY, cursor=done, fresh_until=span.end)
    pending = cursor["pending"][1:]
    return Advance(
        due_at=step.at,
        cursor={**cursor, "pending": pending, "until": None, "token": None},
        work_done=HISTORY_WINDOWS - len(pending),
        work_total=HISTORY_WINDOWS,
        # The newest window is read first: from then on the figures of recent days are complete.
        fresh_until=span.end if cursor["pending"][0] == 0 else None,
    )
