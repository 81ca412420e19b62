"""Read the page of orders whose packing slips can be printed."""

from __future__ import annotations

import json
from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from datetime import date, datetime
from enum import StrEnum
from urllib.parse import urlencode
from uuid import UUID

from django.http import QueryDict
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from theseller.buyer_pii.operations import MAX_SLIPS_PER_REQUEST
from theseller.buyer_pii.queries import (
    ORDERS_PER_PAGE,
    expiry_dates,
    features,
    has_restricted_role,
    orders_to_ship,
)
from theseller.buyer_pii.recipient_encryption import USING
from theseller.buyer_pii.slip_print_layout import local_day, store_name
from theseller.buyer_pii.slip_state_texts import SlipState, slip_state
from theseller.buyer_pii.types import FeatureState, ShippableOrder
from theseller.connections.queries import all_connections
from theseller.connections.types import Origin
from theseller.edge.list_parameters import read_page_number
from theseller.tenancy.tenant_scope import tenant_scope


class SlipAvailability(StrEnum):
    """Whether this tenant can use packing slips, and if not, why."""

    ON = "on"
    OFF = "off"
    NO_ROLE = "no_role"  # the deployment's application does not hold the role
    ONLY_FILES = "only_files"
    NOT_CONNECTED = "not_connected"


@dataclass(frozen=True, slots=True)
class OrderListQuery:
    """Which page of which orders to list.

    With `first`, as many orders are selected as one request may have.
    """

    shipped: bool
    number: int
    first: bool

    @property
    def query_string(self) -> str:
        """The page's query string; empty for the first page of orders to ship."""
        return urlencode(
            {
                **({"shipped": 1} if self.shipped else {}),
                **({"page": self.number + 1} if self.number else {}),
            }
        )

    @classmethod
    def read(cls, query: QueryDict) -> OrderListQuery:
        """Read it from an address or a form; an invalid page number means 1."""
        return cls("shipped" in query, read_page_number(query) - 1, query.get("tick") == "first")


@dataclass(frozen=True, slots=True)
class OrderRow:
    """One order of the list. `day` is the order date in its store's time zone."""

    order: ShippableOrder
    state: SlipState
    store: str
    day: date
    ticked: bool


@dataclass(frozen=True, slots=True)
class OrdersPage:
    """The list of orders. `role` is False if nothing new can be fetched."""

    availability: SlipAvailability
    features: tuple[FeatureState, ...]
    rows: tuple[OrderRow, ...]
    query: OrderListQuery
    role: bool
    more: bool

    @property
    def before(self) -> str:
        """Query string of the previous page."""
        return replace(self.query, number=self.query.number - 1).query_string

    @property
    def after(self) -> str:
        """Query string of the next page."""
        return replace(self.query, number=self.query.number + 1).query_string

    @property
    def ready(self) -> tuple[OrderRow, ...]:
        """Rows whose packing slip can be printed."""
        return tuple(row for row in self.rows if row.state.ready)

    @property
    def to_print(self) -> tuple[OrderRow, ...]:
        """The ready orders that fit into one print."""
        return self.ready[:MAX_SLIPS_PER_REQUEST]

    @property
    def selection_texts(self) -> str:
        """What the page says of 0, 1, … selected orders, as a JSON array."""
        most = MAX_SLIPS_PER_REQUEST
        texts = [_("At most %(most)d at once.") % {"most": most}]
        for selected in range(1, len(self.rows) + 1):
            text = (
                ngettext("%(selected)d selected", "%(selected)d selected", selected)
                if selected <= most
                else ngettext(
                    "%(selected)d selected; at most %(most)d go at once.",
                    "%(selected)d selected; at most %(most)d go at once.",
                    selected,
                )
            )
            texts.append(text % {"selected": selected, "most": most})
        return json.dumps(texts, ensure_ascii=False)

    @property
    def waiting(self) -> int:
        """Number of rows whose packing slip is being fetched."""
        return sum(row.state.waiting for row in self.rows)


def orders_page(
    tenant: UUID, query: OrderListQuery, *, ticked: Collection[str] = (), at: datetime
) -> OrdersPage:
    """Return the requested page of orders, with these orders selected."""
    with tenant_scope(tenant):
        known, connections = features(), all_connections()
        on = [feature.connection.id for feature in known if feature.is_on]
        # One more than the page shows, to know whether there is a next page.
        found = (
            orders_to_ship(
                on,
                at=at,
                shipped=query.shipped,
                skip=query.number * ORDERS_PER_PAGE,
                most=ORDERS_PER_PAGE + 1,
            )
            if on
            else ()
        )
    found, more = found[:ORDERS_PER_PAGE], len(found) > ORDERS_PER_PAGE
    stored: dict[tuple[UUID, str], date] = {}
    if found:
        with tenant_scope(tenant, using=USING):
            stored = expiry_dates([order.id for order in found])
    chosen = {order.id for order in found[:MAX_SLIPS_PER_REQUEST]} if query.first else set(ticked)
    rows = tuple(
        OrderRow(
            order,
            slip_state(order, stored.get((order.connection, order.id)), at=at),
            store_name(order),
            local_day(order),
            order.id in chosen,
        )
        for order in found
    )
    open_files = any(view.is_open and view.origin is Origin.FILES for view in connections)
    return OrdersPage(
        _availability(known, on, open_files=open_files),
        known,
        rows,
        query,
        has_restricted_role(),
        more,
    )


def _availability(
    known: Sequence[FeatureState], on: Sequence[UUID], *, open_files: bool
) -> SlipAvailability:
    if on:
        return SlipAvailability.ON
    if not known:
        return SlipAvailability.ONLY_FILES if open_files else SlipAvailability.NOT_CONNECTED
    return SlipAvailability.OFF if has_restricted_role() else SlipAvailability.NO_ROLE
