"""The screens of the product with invented figures.

Components are checked where they are used.
"""

from __future__ import annotations

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from pathlib import Path
from random import Random
from typing import Any

from django.http import HttpRequest, HttpResponse
from django.template import engines

from theseller.edge.types import WaterfallRow
from theseller.lib.money import Money

AT = datetime(2026, 11, 23, 14, 5, tzinfo=UTC)
_HERE = Path(__file__).parent / "specimens"


def _series(seed: int, base: int, days: int = 28) -> list[Decimal]:
    chance = Random(seed)  # noqa: S311
    return [
        Decimal(
            int(base * (1 + 0.25 * (day % 7 in {5, 6}) + 0.012 * day) * chance.uniform(0.75, 1.25))
        )
        for day in range(days)
    ]


def _euro(amount: str | Decimal | int) -> Money:
    return Money(Decimal(amount), "EUR")


def _tiles() -> list[dict[str, Any]]:
    rows = [
        ("Ordered sales", "84,212.40", 84212, 75101, "good", 3000, ""),
        ("Units", "", 3412, 3018, "good", 120, ""),
        ("Orders", "", 2987, 2991, "good", 105, ""),
        ("Refunds", "", 2210, 1720, "bad", 80, ""),
        ("Fees", "", 26110, 23280, "neutral", 900, "82% actual"),
        ("Net proceeds", "", 41880, 37240, "good", 1480, "estimated"),
    ]
    return [
        {
            "label": label, "now": Decimal(now), "before": Decimal(before), "polarity": polarity,
            "mark": mark, "money": _euro(now) if label not in {"Units", "Orders"} else None,
            "values": _series(index, base), "current": index == 0,
        }
        for index, (label, _, now, before, polarity, base, mark) in enumerate(rows)
    ]  # fmt: skip


def _chart() -> dict[str, Any]:
    first = date(2026, 10, 27)
    now, before = _series(0, 2900), _series(9, 2500)
    days = [first + timedelta(days=index) for index in range(28)]
    return {
        "data": {
            "days": [day.isoformat() for day in days], "now": [float(v) for v in now],
            "before": [float(v) for v in before], "label": "Ordered sales",
            "beforeLabel": "Previous 28 days", "kind": "money", "currency": "EUR", "digits": 2,
            "estimatedFrom": 26,
        },
        "rows": [{"day": day.strftime("%a %d %b"), "now": f"€{now[i]:,.2f}",
            "before": f"€{before[i]:,.2f}"} for i, day in enumerate(days)],
    }  # fmt: skip


_NAMES = (
    "Bamboo cutting board, set of 3", "Stainless steel travel mug 450 ml, matt black",
    "Silicone baking mats (2 pieces)", "Cast iron pan 28 cm with wooden handle",
    "Linen apron, one size", "Glass storage jars with cork lid, 6 pieces",
    "Magnetic knife strip, walnut", "Beeswax food wraps",
)  # fmt: skip


def _products() -> list[dict[str, Any]]:
    rows = []
    for index, name in enumerate(_NAMES):
        sales = 22000 // (index + 1)
        rows.append({
            "name": name, "sku": f"KIT-{2210 + index * 7}", "asin": f"B0C{index}X7Q{index}LM",
            "sales": _euro(sales), "before": _euro(int(sales * (0.8 + index * 0.06))),
            "units": sales // 24, "refunds": Decimal(index + 1) / 100,
            "net": _euro(int(sales * (0.42 - index * 0.07))),
            "margin": Decimal(42 - index * 7) / 100, "values": _series(index + 20, sales // 28 + 2),
        })  # fmt: skip
    return rows


def _waterfall() -> list[WaterfallRow]:
    return [
        WaterfallRow("Ordered sales", _euro("84212.40"), total=True),
        WaterfallRow("Promotions", _euro("-1930.10")),
        WaterfallRow("Refunds", _euro("-2210.35")),
        WaterfallRow("Referral fees", _euro("-12631.86"), note="82% actual"),
        WaterfallRow("FBA fulfilment", _euro("-10940.22"), note="82% actual"),
        WaterfallRow("Storage", _euro("-1207.90")),
        WaterfallRow("Advertising", _euro("-6410.00")),
        WaterfallRow("Reimbursements", _euro("312.44")),
        WaterfallRow("Net proceeds", _euro("49194.41"), total=True),
    ]


_CONTROLS = [
    (
        "cred-token-encryption",
        "Refresh tokens are sealed with AES-256-GCM under a key of their own",
        "Met",
        3,
        (
            "Every stored token was opened with its own key and with a neighbour's; only its own"
            " worked."
        ),
        4,
    ),
    (
        "net-tenant-isolation",
        "One shop can't read another's rows",
        "Met",
        212,
        "Row security is on and forced on 53 of 53 tables; 212 crossings tried, none seen.",
        4,
    ),
    (
        "life-purge-30",
        "Everything is erased within 30 days of leaving",
        "Broken",
        1,
        "One purge is 2 days past its limit. The operator was notified at 09:12.",
        12,
    ),
    (
        "life-backup-drill",
        "A backup was restored and compared this week",
        "Stale",
        1,
        "The last drill was 9 days ago; its budget is 7.",
        12_960,
    ),
    (
        "auth-revoke-anytime",
        "Access can be withdrawn at any time, from either side",
        "Unknown",
        0,
        "No connection exists, so there was nothing to look at.",
        4,
    ),
    (
        "pii-retention-30",
        "Buyer data is kept 30 days at most",
        "NotApplicable",
        0,
        "This service holds no role that gives buyer data.",
        4,
    ),
]


def _controls() -> list[dict[str, Any]]:
    return [
        {
            "id": key, "title": title, "outcome": outcome, "checked": checked, "evidence": evidence,
            "checked_at": AT - timedelta(minutes=minutes),
            "statement": "The promise in our own words, one or two sentences, plain enough to be"
                " argued with.", "citation": "DPP §2.4", "owner": "Olga",
        }
        for key, title, outcome, checked, evidence, minutes in _CONTROLS
    ]  # fmt: skip


def context() -> dict[str, Any]:
    """What any specimen may show."""
    return {
        "at": AT, "tenant_name": "Alice's shop", "tiles": _tiles(), "chart": _chart(),
        "products": _products(), "waterfall_rows": _waterfall(), "controls": _controls(),
        "data_to": AT - timedelta(minutes=14), "total": _euro("59731.00"), "top": _euro(22000),
        "low": _euro(-400),
    }  # fmt: skip


def page(request: HttpRequest, name: str) -> HttpResponse:
    """Render one specimen."""
    template = engines["django"].from_string((_HERE / f"{name}.html").read_text(encoding="utf-8"))
    return HttpResponse(template.render(context(), request))
