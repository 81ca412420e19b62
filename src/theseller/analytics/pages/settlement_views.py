"""Views of the list of settlements and of one settlement.

Each also answers `format=csv` with a file.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime

from django.http import Http404, HttpRequest, HttpResponse, QueryDict
from django.utils.http import urlencode
from django.views.decorators.http import require_safe

from theseller.accounts.authorization import tenant_permission_required
from theseller.accounts.types import Permission, TenantContext
from theseller.analytics.pages import queries
from theseller.analytics.pages.open_balance import open_balances
from theseller.analytics.pages.page_filters import store_label
from theseller.analytics.pages.page_responses import (
    exports,
    may_export,
    page_response,
    without_figures,
)
from theseller.analytics.pages.settlement_csv_rows import (
    cut_off_text,
    settlement_csv,
    settlements_csv,
)
from theseller.analytics.pages.settlement_page import row_of, settlement_context
from theseller.analytics.pages.settlement_queries import (
    Settlement,
    settled_lines,
    settled_orders,
    settlement_before,
    settlements,
)
from theseller.analytics.pages.settlement_queries import settlement as stored_settlement
from theseller.analytics.pages.types import Store
from theseller.edge.compression_decorator import compressed
from theseller.lib import clock
from theseller.lib.marketplaces import MARKETPLACES
from theseller.tenancy.tenant_scope import tenant_scope
from theseller.tenancy.visible_marketplaces import visible_marketplaces

#: Settlements of a page of the list, orders of a page of a settlement, and its other lines there.
PAGE_SIZE, ORDERS_SHOWN, LINES_SHOWN = 12, 50, 400
_NUMBER = re.compile(r"[0-9A-Za-z-]{1,40}")
_CURSOR = re.compile(r"([0-9]{1,11})_([0-9A-Za-z-]{1,40})")


@require_safe
@compressed()
@tenant_permission_required(Permission.DASHBOARD_READ)
def settlements_list(request: HttpRequest, tenant_context: TenantContext) -> HttpResponse:
    """Show stored settlements, the newest first, and what is in none of them."""
    at = clock.now()
    with tenant_scope(tenant_context.tenant):
        known = queries.stores()
        if not known:
            return without_figures(request, tenant_context)
        store = _store(request.GET, known)
        if exports(request, tenant_context, "settlements", at):
            return settlements_csv(settlements(store=store), at)
        cursor = _cursor(request.GET)
        found = settlements(store=store, before=cursor, most=PAGE_SIZE + 1)
        shown = found[:PAGE_SIZE]
        code = MARKETPLACES[store].code if store else ""
        context = {
            "tenant_context": tenant_context,
            "at": at,
            "rows": [row_of(one, at) for one in shown],
            "balances": [
                (one, ", ".join(map(store_label, one.marketplace_ids)))
                for one in ([] if cursor else open_balances(at, store=store))
            ],
            "stores": _store_options(known, store),
            "chosen": code,
            "next_page": _next(shown[-1], code) if len(found) > PAGE_SIZE else "",
            "first_page": cursor is not None,
            "limited": visible_marketplaces() is not None,
            "csv_url": (
                "?" + urlencode({"store": code, "format": "csv"} if code else {"format": "csv"})
                if may_export(tenant_context)
                else ""
            ),
        }
    return page_response(request, "settlements", context)


@require_safe
@compressed()
@tenant_permission_required(Permission.DASHBOARD_READ)
def settlement(request: HttpRequest, tenant_context: TenantContext, number: str) -> HttpResponse:
    """Show a settlement from its opening balance to its payout, by orders."""
    at = clock.now()
    if not _NUMBER.fullmatch(number):
        raise Http404
    with tenant_scope(tenant_context.tenant):
        one = stored_settlement(number)
        if one is None:
            raise Http404
        if exports(request, tenant_context, "settlement", at):
            return settlement_csv(one)
        after = request.GET.get("after", "")
        after = after if _NUMBER.fullmatch(after) else ""
        orders = settled_orders(one, after=after, most=ORDERS_SHOWN + 1)
        others = settled_lines(one, without_order=True, most=LINES_SHOWN + 1)
        context = {
            "tenant_context": tenant_context,
            "at": at,
            "csv_url": "?format=csv" if may_export(tenant_context) else "",
            "others": others[:LINES_SHOWN],
            "others_cut_off": len(others) > LINES_SHOWN,
            "lines_of_file": cut_off_text(one),
            "after": after,
            "next_page": (
                "?" + urlencode({"after": orders[ORDERS_SHOWN - 1].order_id})
                if len(orders) > ORDERS_SHOWN
                else ""
            ),
            **settlement_context(one, settlement_before(one), orders[:ORDERS_SHOWN], at),
        }
    return page_response(request, "settlement", context)


def _store(words: QueryDict, known: tuple[Store, ...]) -> str | None:
    """Return the visible marketplace that the URL names; None for all."""
    ids = {MARKETPLACES[one.marketplace_id].code: one.marketplace_id
           for one in known if one.marketplace_id in MARKETPLACES}  # fmt: skip
    return ids.get(words.get("store", ""))


def _store_options(known: tuple[Store, ...], chosen: str | None) -> list[dict[str, object]]:
    ids = dict.fromkeys(one.marketplace_id for one in known if one.marketplace_id in MARKETPLACES)
    return [
        {"key": MARKETPLACES[one].code, "label": store_label(one), "current": one == chosen}
        for one in ids
    ]


def _cursor(words: QueryDict) -> tuple[datetime, str] | None:
    found = _CURSOR.fullmatch(words.get("after", ""))
    if found is None:
        return None
    return datetime.fromtimestamp(int(found[1]), tz=UTC), found[2]


def _next(last: Settlement, code: str) -> str:
    words = {"after": f"{int(last.ends_at.timestamp())}_{last.number}"}
    return "?" + urlencode({"store": code, **words} if code else words)
