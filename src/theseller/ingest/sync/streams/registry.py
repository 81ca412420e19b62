"""Registry of the streams: what each feature of a connection pulls."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.utils.translation import gettext_noop

from theseller.amazon.feature_requirements import FEATURES, OFFERED
from theseller.ingest.sync.streams import (
    inventory,
    order_history,
    order_updates,
    settlements,
    traffic,
    traffic_tasks,
    transactions,
)
from theseller.ingest.sync.sync_step import SyncStep


@dataclass(frozen=True, slots=True)
class StreamKind:
    """One kind of stream.

    `flow` is its name in `amazon/feature_requirements.py`; `unit` says what its progress counts.
    """

    name: str
    flow: str
    title: str
    unit: str
    start: Callable[[datetime], tuple[dict[str, Any], int]]
    run_step: Callable[[SyncStep], None]
    per_store: bool = False
    #: Its reports, if Amazon makes so few a day that a history takes days: nothing else waits for
    #: it. `each_day` of them are for the newest days of a store.
    rationed: str = ""
    each_day: int = 0
    #: What the page says in place of the usual if Amazon denies it.
    role_missing: str = ""


_KINDS = (
    StreamKind(
        "orders_history",
        "all_orders_report",
        gettext_noop("Order history"),
        gettext_noop("months"),
        order_history.start,
        order_history.run_step,
    ),
    StreamKind(
        "orders",
        "orders",
        gettext_noop("Live orders"),
        gettext_noop("pages"),
        order_updates.start,
        order_updates.run_step,
    ),
    StreamKind(
        "transactions",
        "transactions",
        gettext_noop("Fees, refunds and payouts"),
        gettext_noop("months"),
        transactions.start,
        transactions.run_step,
    ),
    StreamKind(
        "settlements",
        "settlement_report",
        gettext_noop("Settlements"),
        gettext_noop("documents"),
        settlements.start,
        settlements.run_step,
    ),
    StreamKind(
        "inventory",
        "inventory",
        gettext_noop("Inventory"),
        gettext_noop("stores"),
        inventory.start,
        inventory.run_step,
        per_store=True,
    ),
    StreamKind(
        "traffic",
        "traffic",
        gettext_noop("Traffic"),
        gettext_noop("reports"),
        traffic.start,
        traffic.run_step,
        per_store=True,
        rationed=traffic.REPORT_TYPE.value,
        each_day=traffic_tasks.REPORTS_EACH_DAY,
        role_missing=gettext_noop(
            "Amazon denies the sales and traffic reports of your account: they need the role Brand"
            " Analytics, which only brand owners have. Authorize again if you have it; everything"
            " else continues to sync."
        ),
    ),
)
#: In the order in which people see them.
KINDS: Mapping[str, StreamKind] = MappingProxyType({kind.name: kind for kind in _KINDS})


def streams_of(
    features: Iterable[str], marketplace_ids: Iterable[str]
) -> Iterator[tuple[StreamKind, str]]:
    """Yield (kind, marketplace ID or blank) for a connection.

    Only of features that are offered.

    Raises:
        KeyError: a feature is unknown.
    """
    flows = {
        flow for feature in features for flow in FEATURES[feature].streams if feature in OFFERED
    }
    stores = tuple(marketplace_ids)
    for kind in _KINDS:
        if kind.flow in flows:
            yield from ((kind, store) for store in (stores if kind.per_store else ("",)))
