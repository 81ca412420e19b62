"""Finances API 2024-06-19: listTransactions, listBalances, listSummary."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import date, datetime, timedelta
from itertools import islice
from typing import Any

from theseller.emulator.amount_and_time_formats import currency_amount, instant
from theseller.emulator.spapi.call_parameters import Call, parse_instant
from theseller.emulator.spapi.errors import invalid
from theseller.emulator.spapi.transaction_json import Entry, TransactionWriter, tree
from theseller.emulator.world.random_draws import number
from theseller.emulator.world.sellers import Store

_LAG = timedelta(minutes=2)
_WIDEST = timedelta(days=180)
_PAGE = 100
_TOKEN_LIFETIME = timedelta(hours=24)
_FILTERS = (
    "postedAfter",
    "postedBefore",
    "marketplaceId",
    "transactionStatus",
    "relatedIdentifierName",
    "relatedIdentifierValue",
)


def list_transactions(call: Call) -> dict[str, Any]:
    """Return a page of transactions, oldest first.

    Some pages are empty and still have a nextToken, which Amazon documents as legal.
    """
    status = call.query.get("transactionStatus")
    if status not in {None, "DEFERRED", "RELEASED", "DEFERRED_RELEASED"}:
        raise invalid("Invalid value for transactionStatus.")
    stores = (
        call.stores_of([call.query["marketplaceId"]])
        if call.query.get("marketplaceId")
        else list(call.seller.stores)
    )
    requested = "&".join(f"{name}={call.query.get(name, '')}" for name in _FILTERS)
    token = call.read_token("nextToken", "transactions", _TOKEN_LIFETIME)
    if token and token["asked"] != requested:
        raise invalid("nextToken does not belong to these parameters.")
    position = (parse_instant(token["last"][0], "nextToken"), token["last"][1]) if token else None
    if (
        token
        and not token["solid"]
        and number(call.emulator.world.seed, token["last"][1], "empty page", below=6) == 0
    ):
        content = {"asked": requested, "last": token["last"], "solid": True}
        return {"payload": {"transactions": [], "nextToken": call.token("transactions", content)}}
    writer = TransactionWriter(call.emulator.world, call.seller.id, call.at)
    wanted = (
        entry
        for entry in _entries(call, writer, stores, position[0] if position else None)
        if entry.visible <= call.at
        and (position is None or (entry.posted, entry.id) > position)
        and status in {None, entry.status}
    )
    page = list(islice(wanted, _PAGE + 1))
    payload: dict[str, Any] = {"transactions": [entry.write() for entry in page[:_PAGE]]}
    if len(page) > _PAGE:
        last = page[_PAGE - 1]
        payload["nextToken"] = call.token(
            "transactions",
            {"asked": requested, "last": [last.posted.isoformat(), last.id], "solid": False},
        )
    return {"payload": payload}


def _entries(
    call: Call, writer: TransactionWriter, stores: list[Store], reached: datetime | None
) -> Iterable[Entry]:
    """Return the requested transactions by posting time and ID.

    `reached`: what was posted before it has been listed already.
    """
    name, value = call.query.get("relatedIdentifierName"), call.query.get("relatedIdentifierValue")
    if (name is None) != (value is None):
        raise invalid("relatedIdentifierName and relatedIdentifierValue must be provided together.")
    if name == "ORDER_ID" and value:
        order = call.emulator.world.find_order(call.seller, value)
        events = call.emulator.world.events_of(order) if order and order.store in stores else ()
        return _sorted(
            entry for event in events for entry in writer.entries(event) if entry.posted <= call.at
        )
    if name == "FINANCIAL_EVENT_GROUP_ID" and value:
        return _of_group(call, writer, stores, value)
    if name is not None:
        raise invalid("Only FINANCIAL_EVENT_GROUP_ID and ORDER_ID can be used as a filter.")
    after, before = call.instant("postedAfter"), call.instant("postedBefore")
    newest = call.at - _LAG
    if after is None:
        raise invalid("Start date cannot be null")
    before = before or newest
    if before > newest or after > newest:
        raise invalid("Dates must be more than two minutes before the time of the request.")
    if before <= after:
        raise invalid("postedBefore must be later than postedAfter.")
    if before - after > _WIDEST:
        # Amazon: "more than 180 days apart, the response is empty". No error tells the caller.
        return []
    return _posted(call, writer, stores, max(after, reached or after), before)


def _sorted(entries: Iterable[Entry]) -> list[Entry]:
    return sorted(entries, key=lambda entry: (entry.posted, entry.id))


def _posted(
    call: Call, writer: TransactionWriter, stores: list[Store], after: datetime, before: datetime
) -> Iterator[Entry]:
    """Yield what was posted in [after, before), a week at a time.

    A first page therefore does not have to create half a year.
    """
    world, days = call.emulator.world, timedelta(days=3)
    while after < before:
        until = min(after + timedelta(days=7), before)
        entries: list[Entry] = []
        for store in stores:
            for event in world.events(call.seller, store, after, until):
                entries += writer.entries(event)
            for period in world.closed_between(call.seller, store, after - days, until + days):
                payout = writer.payout(period)
                entries += [payout] if payout else []
        yield from _sorted(entry for entry in entries if after <= entry.posted < until)
        after = until


def _of_group(
    call: Call, writer: TransactionWriter, stores: list[Store], group_id: str
) -> list[Entry]:
    world = call.emulator.world
    for store in stores:
        current = [
            world.period_of(call.seller, store, call.at, stream)
            for stream in world.streams(call.seller, store)
        ]
        candidates = [
            *current,
            *world.closed_between(call.seller, store, call.at - timedelta(days=730), call.at),
        ]
        for period in candidates:
            if period.group_id == group_id:
                entries = [
                    entry
                    for event in world.events(call.seller, store, period.start, period.end)
                    for entry in writer.entries(event)
                ]
                inside = (
                    entry
                    for entry in entries
                    if period.start <= entry.posted < period.end and entry.posted <= call.at
                )
                return _sorted(
                    entry
                    for entry in inside
                    if entry.status == "RELEASED" and entry.stream == period.stream
                )
    return []


def list_balances(call: Call) -> dict[str, Any]:
    """Return the current balance of each store.

    Available, reserved (deferred and account-level reserve), and total.
    """
    world = call.emulator.world
    balances = [
        _balance(call, store, stream)
        for store in call.stores()
        for stream in world.streams(call.seller, store)
    ]
    wanted = call.query.get("balanceType")
    return {"balances": [_flat(balance, wanted) for balance in balances] if wanted else balances}


def _balance(call: Call, store: Store, stream: str) -> dict[str, Any]:
    """Return the balance of one settlement stream of a store."""
    world = call.emulator.world
    period = world.period_of(call.seller, store, call.at, stream)
    events = world.events(call.seller, store, period.start - timedelta(days=40), call.at)
    events = [event for event in events if world.stream_of(call.seller, event) == stream]
    available = sum(event.total for event in events if period.start <= event.settled <= call.at)
    deferred = sum(event.total for event in events if event.posted <= call.at < event.settled)
    reserve = max(available, 0) // 10
    currency = store.marketplace.currency
    parts = (("DEFERRED", deferred), ("ACCOUNT_LEVEL_RESERVE", reserve))
    reserved: dict[str, Any] = {
        "balanceType": "RESERVED",
        "amount": currency_amount(deferred + reserve, currency),
    }
    reserved["balances"] = [
        {"balanceType": name, "amount": currency_amount(value, currency)} for name, value in parts
    ]
    return {
        "partnerMetadata": _partner(call, store, stream),
        "balanceType": "TOTAL",
        "amount": currency_amount(available + deferred, currency),
        "lastUpdatedTime": instant(call.at),
        "balances": [
            {"balanceType": "AVAILABLE", "amount": currency_amount(available - reserve, currency)},
            reserved,
        ],
    }


def _flat(balance: dict[str, Any], wanted: str) -> dict[str, Any]:
    stack = [balance]
    while stack:
        entry = stack.pop()
        if entry["balanceType"] == wanted:
            return {**entry, "partnerMetadata": balance["partnerMetadata"]}
        stack += entry.get("balances", [])
    raise invalid("Invalid value for balanceType.")


def _partner(call: Call, store: Store, stream: str) -> dict[str, str]:
    return {
        "partnerId": call.seller.id,
        "accountType": stream,
        "marketplaceId": store.marketplace.id,
    }


def list_summary(call: Call) -> dict[str, Any]:
    """Return totals by store, of one settlement or of a period of days."""
    name, value = call.query.get("relatedIdentifierName"), call.query.get("relatedIdentifierValue")
    if name not in {None, "SETTLEMENT_ID"}:
        raise invalid("The only relatedIdentifierName is SETTLEMENT_ID.")
    return {
        "summaries": [
            summary for store in call.stores() for summary in _summaries(call, store, value)
        ]
    }


def _summaries(call: Call, store: Store, settlement_id: str | None) -> Iterator[dict[str, Any]]:
    """Yield the summary of a store's settlement.

    Without a settlement ID: one for each of the store's streams over a period of days.
    """
    world = call.emulator.world
    if settlement_id:
        periods = world.closed_between(call.seller, store, call.at - timedelta(days=730), call.at)
        spans = [
            (period.start, period.end, period.stream)
            for period in periods
            if period.settlement_id == settlement_id
        ]
    else:
        spans = [(*_days(call), stream) for stream in world.streams(call.seller, store)]
    for start, end, stream in spans:
        charges = []
        for event in world.events(call.seller, store, start, end):
            if (
                start <= event.settled < min(end, call.at)
                and world.stream_of(call.seller, event) == stream
            ):
                charges += [
                    *event.charges,
                    *(charge for item in event.items for charge in item.charges),
                ]
        currency = store.marketplace.currency
        summary = {
            "partnerMetadata": _partner(call, store, stream),
            "periodStart": instant(start),
            "periodEnd": instant(end),
            "netProceeds": currency_amount(sum(charge.amount for charge in charges), currency),
            "breakdowns": tree(charges, currency),
        }
        if settlement_id:
            summary["relatedIdentifiers"] = [
                {"relatedIdentifierName": "SETTLEMENT_ID", "relatedIdentifierValue": settlement_id}
            ]
        yield summary


def _days(call: Call) -> tuple[datetime, datetime]:
    texts = call.query.get("periodStart"), call.query.get("periodEnd")
    if not texts[0] or not texts[1]:
        raise invalid("periodStart and periodEnd are required without a related identifier.")
    try:
        first, last = date.fromisoformat(texts[0]), date.fromisoformat(texts[1])
    except ValueError:
        raise invalid("periodStart and periodEnd must be ISO 8601 dates.") from None
    if last < first:
        raise invalid("periodEnd must not be before periodStart.")
    return parse_instant(first.isoformat(), "periodStart"), parse_instant(
        (last + timedelta(days=1)).isoformat(), "periodEnd"
    )
