"""Finances 2024-06-19: balances and summaries.

They are control totals beside the transactions.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from decimal import Decimal

import msgspec

from theseller.amazon.decoders.response_field_types import RecursiveWire, Wire, spell_enums
from theseller.amazon.decoders.response_shape import Shape, dropped
from theseller.amazon.decoders.transactions import Amount, Breakdown, RelatedIdentifier


class _Partner(Wire, frozen=True):
    account_type: str | None = None
    marketplace_id: str | None = None


class _Balance(RecursiveWire, frozen=True):
    """A balance and its parts.

    Dates stay text: Amazon's model says date-time, its own examples print dates, and the store's
    local offset matters.
    """

    balance_type: str = ""
    amount: Amount | None = None
    partner_metadata: _Partner | None = None
    as_of_date: str | None = None
    last_updated_time: str | None = None
    balances: list[_Balance] | None = None

    def __post_init__(self) -> None:
        spell_enums(self, "balance_type")


class _ListBalances(RecursiveWire, frozen=True):
    balances: list[_Balance] | None = None
    next_token: str | None = None


class BalanceLine(msgspec.Struct, frozen=True, gc=False):
    """One balance.

    `path` leads from ``TOTAL`` down to it. Parents are sums of their children: never add both.
    """

    path: tuple[str, ...]
    amount: Decimal
    currency: str
    account_type: str | None
    marketplace_id: str | None
    as_of: str | None


class BalancesPage(msgspec.Struct, frozen=True, gc=False):
    """A page of listBalances, flattened."""

    balances: tuple[BalanceLine, ...]
    next_token: str | None
    drift: tuple[str, ...]


class _Summary(RecursiveWire, frozen=True):
    partner_metadata: _Partner | None = None
    net_proceeds: Amount | None = None
    related_identifiers: list[RelatedIdentifier] | None = None
    breakdowns: list[Breakdown] | None = None
    period_start: str | None = None
    period_end: str | None = None


class _ListSummary(RecursiveWire, frozen=True):
    summaries: list[_Summary] | None = None
    next_token: str | None = None


class Summary(msgspec.Struct, frozen=True):
    """Amazon's own totals of a period or settlement.

    `breakdowns` has the first level (Sales, Expenses …).
    """

    account_type: str | None
    marketplace_id: str | None
    net_proceeds: Decimal | None
    currency: str | None
    identifiers: tuple[tuple[str, str], ...]
    breakdowns: tuple[tuple[str, Decimal], ...]
    period_start: str | None
    period_end: str | None


class SummariesPage(msgspec.Struct, frozen=True):
    """A page of listSummary."""

    summaries: tuple[Summary, ...]
    next_token: str | None
    drift: tuple[str, ...]


def _flat(
    balances: Sequence[_Balance] | None, path: tuple[str, ...], root: _Balance | None
) -> Iterator[BalanceLine]:
    for balance in balances or ():
        top = root or balance
        here = (*path, balance.balance_type)
        partner = top.partner_metadata or _Partner()
        if balance.amount is not None:
            amount = balance.amount
            as_of = top.as_of_date or top.last_updated_time
            yield BalanceLine(
                here,
                amount.currency_amount,
                amount.currency_code,
                partner.account_type,
                partner.marketplace_id,
                as_of,
            )
        yield from _flat(balance.balances, here, top)


def _summary(wire: _Summary) -> Summary:
    partner = wire.partner_metadata or _Partner()
    parts = ((part.breakdown_type, part.breakdown_amount) for part in wire.breakdowns or ())
    return Summary(
        partner.account_type,
        partner.marketplace_id,
        wire.net_proceeds.currency_amount if wire.net_proceeds else None,
        wire.net_proceeds.currency_code if wire.net_proceeds else None,
        tuple(
            (i.related_identifier_name, i.related_identifier_value)
            for i in wire.related_identifiers or ()
        ),
        tuple((name, amount.currency_amount) for name, amount in parts if amount is not None),
        wire.period_start,
        wire.period_end,
    )


# A child balance has its parent's shape, so that dropping the partner id once drops it at every
# depth.
LIST_BALANCES = Shape(
    "listBalances", _ListBalances, dropped(unneeded="balances[].partnerMetadata: partnerId")
)
LIST_SUMMARY = Shape(
    "listSummary", _ListSummary, dropped(unneeded="summaries[].partnerMetadata: partnerId")
)


def decode_balances(body: bytes) -> BalancesPage:
    """Decode an answer of listBalances.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    return LIST_BALANCES.read(
        body,
        lambda page: BalancesPage(
            tuple(_flat(page.balances, (), None)),
            page.next_token or None,
            LIST_BALANCES.drift(body),
        ),
    )


def decode_summaries(body: bytes) -> SummariesPage:
    """Decode an answer of listSummary.

    Raises:
        DriftedError: it has another shape.
        UnavailableError: it is incomplete.
    """
    return LIST_SUMMARY.read(
        body,
        lambda page: SummariesPage(
            tuple(map(_summary, page.summaries or ())),
            page.next_token or None,
            LIST_SUMMARY.drift(body),
        ),
    )
