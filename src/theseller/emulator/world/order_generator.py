"""Generation of one day's orders.

Shares follow public samples: 92.9 % of orders have one line, 3 % are canceled, 15 % discounted.
"""

from __future__ import annotations

from bisect import bisect_left
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from random import Random

from theseller.emulator.world import order_volume
from theseller.emulator.world.order_id_encoding import most_orders_a_day, scramble
from theseller.emulator.world.order_types import Line, Order, Refund
from theseller.emulator.world.products import Product, price, shelf
from theseller.emulator.world.random_draws import pick, poisson, stream
from theseller.emulator.world.sellers import Seller, Store

_LINES = ((1, 0.929), (2, 0.059), (3, 0.009), (4, 0.003))
_QUANTITY = ((1, 0.90), (2, 0.07), (3, 0.02), (4, 0.01))
_PREFIXES = {
    "US": ("111", "112", "113", "114"),
    "CA": ("701", "702"),
    "MX": ("701", "702"),
    "UK": ("202", "203", "204", "205", "206"),
    "DE": ("302", "303", "304", "305", "306"),
    "FR": ("402", "403", "404", "405", "407"),
    "JP": ("249", "250", "503"),
}
#: Sales tax that is added (North America but Mexico), or value added tax that the price contains.
_TAX_RATES: dict[str, tuple[tuple[float, float], ...]] = {
    "US": ((0.0, 0.08), (0.0625, 0.2), (0.0725, 0.3), (0.06, 0.2), (0.08875, 0.22)),
    "CA": ((0.13, 0.5), (0.05, 0.2), (0.15, 0.3)),
    "MX": ((0.16, 1.0),),
    "UK": ((0.20, 1.0),),
    "DE": ((0.19, 1.0),),
    "FR": ((0.20, 1.0),),
    "JP": ((0.10, 1.0),),
}
_COUNTRY = {"UK": "GB"}


@dataclass(frozen=True, slots=True)
class _Life:
    """When the steps of one order happen."""

    paid: datetime
    shipped: datetime | None
    delivered: datetime | None
    cancelled: datetime | None
    cancelled_by: str


def make_day(seed: int, seller: Seller, store_index: int, day: date) -> tuple[Order, ...]:
    """Return all orders of the store's local `day`, oldest first.

    The same call returns the same orders.
    """
    store = seller.stores[store_index]
    code = store.marketplace.code
    random = stream(seed, seller.id, store.marketplace.id, day.isoformat())
    mean = (
        store.orders_per_day * order_volume.level(day, seller.opened) * random.uniform(0.88, 1.12)
    )
    count = min(poisson(random, mean), most_orders_a_day())
    orders: list[Order] = []
    for sequence in range(count):
        created = _instant(random, store, day)
        digits = scramble(seed, seller, day, store_index, sequence)
        order_id = f"{random.choice(_PREFIXES[code])}-{digits}-{random.randrange(10**7):07d}"
        orders.append(
            _order(
                seed, random, seller, store, order_id, created, orders[-1].id if orders else None
            )
        )
    orders.sort(key=lambda order: (order.created, order.id))
    return tuple(orders)


def _instant(random: Random, store: Store, day: date) -> datetime:
    hour = random.choices(range(24), order_volume.HOURS)[0]
    local = datetime(
        day.year,
        day.month,
        day.day,
        hour,
        random.randrange(60),
        random.randrange(60),
        tzinfo=store.marketplace.zone,
    )
    return local.astimezone(UTC)


def _order(
    seed: int,
    random: Random,
    seller: Seller,
    store: Store,
    order_id: str,
    created: datetime,
    earlier: str | None,
) -> Order:
    month = created.astimezone(store.marketplace.zone).date().replace(day=1)
    products, cumulative = shelf(seed, seller, store, month)
    first = _choose(random, products, cumulative)
    off_amazon = first.by_amazon and random.random() < 0.008
    replaces = earlier if earlier and random.random() < 0.006 else None
    business = random.random() < 0.06
    life = _live(random, created, by_amazon=first.by_amazon)
    tax_rate = pick(random, _TAX_RATES[store.marketplace.code])
    lines = []
    chosen = [first]
    chosen += [
        product
        for _ in range(pick(random, _LINES) - 1)
        if (product := _choose(random, products, cumulative)).by_amazon == first.by_amazon
    ]
    for position, product in enumerate(chosen):
        unit = price(seed, product, store, month)
        if business and random.random() < 0.5:
            unit -= unit // 20
        free = off_amazon or replaces is not None
        lines.append(
            _line(
                random,
                store,
                f"{order_id.replace('-', '')[5:]}{position:02d}",
                product,
                0 if free else unit,
                tax_rate,
                life,
                business=business,
            )
        )
    return Order(
        id=f"S01-{order_id[4:]}" if off_amazon else order_id,
        seller=seller,
        store=store,
        created=created,
        paid=life.paid,
        shipped=life.shipped,
        delivered=life.delivered,
        cancelled=life.cancelled,
        cancelled_by=life.cancelled_by,
        by_amazon=first.by_amazon,
        business=business,
        service_level="EXPEDITED" if random.random() < 0.35 else "STANDARD",
        off_amazon=off_amazon,
        replaces=replaces,
        destination=_COUNTRY.get(store.marketplace.code, store.marketplace.code),
        lines=tuple(lines),
        updates=_updates(created, life, lines),
    )


def _choose(
    random: Random, products: tuple[Product, ...], cumulative: tuple[float, ...]
) -> Product:
    return products[
        min(bisect_left(cumulative, random.random() * cumulative[-1]), len(products) - 1)
    ]


def _live(random: Random, created: datetime, *, by_amazon: bool) -> _Life:
    """Draw the events in the life of an order.

    Most orders are paid within hours and shipped within two days; 3 % are canceled, a few of them
    late.
    """
    stuck = random.random() < 0.015
    paid = created + timedelta(
        minutes=random.randrange(1440, 8640) if stuck else random.randrange(25, 180)
    )
    if random.random() < (0.025 if by_amazon else 0.035):
        late = not by_amazon and random.random() < 0.3
        cancelled = paid + timedelta(
            minutes=random.randrange(7200, 28800) if late else random.randrange(5, 240)
        )
        return _Life(
            paid,
            None,
            None,
            cancelled,
            "MERCHANT" if late else random.choice(("BUYER", "BUYER", "AMAZON")),
        )
    hours = random.uniform(4, 40) if by_amazon else random.uniform(10, 72)
    if not by_amazon and random.random() < 0.04:
        hours = random.uniform(96, 330)  # A back order.
    shipped = (paid + timedelta(hours=hours)).replace(microsecond=0)
    days = random.uniform(0.8, 4) if by_amazon else random.uniform(2, 7)
    return _Life(paid, shipped, (shipped + timedelta(days=days)).replace(microsecond=0), None, "")


def _line(
    random: Random,
    store: Store,
    item_id: str,
    product: Product,
    unit: int,
    tax_rate: float,
    life: _Life,
    *,
    business: bool,
) -> Line:
    quantity = (
        random.randrange(2, 13) if business and random.random() < 0.25 else pick(random, _QUANTITY)
    )
    amount = unit * quantity
    discounted = unit and random.random() < 0.15
    discount = amount * random.choice((5, 10, 15, 20)) // 100 if discounted else 0
    pays_shipping = unit and random.random() < (0.12 if product.by_amazon else 0.45)
    shipping = int(499 * store.price_factor) if pays_shipping else 0
    shipping_discount = shipping if shipping and random.random() < 0.4 else 0
    gift_wrap = (
        int(399 * store.price_factor)
        if unit and product.by_amazon and random.random() < 0.02
        else 0
    )
    promotions: tuple[str, ...] = (
        (f"PAWS-V2-{item_id[:6]}-{discount % 97:02d}",) if discount else ()
    )
    promotions += ("Free Shipping Promotion",) if shipping_discount else ()
    included = store.marketplace.tax_included
    return Line(
        item_id=item_id,
        product=product,
        quantity=quantity,
        unit_price=unit,
        price=amount,
        tax=_tax(amount - discount, tax_rate, included=included),
        shipping=shipping,
        shipping_tax=_tax(shipping - shipping_discount, tax_rate, included=included),
        gift_wrap=gift_wrap,
        gift_wrap_tax=_tax(gift_wrap, tax_rate, included=included),
        discount=discount,
        shipping_discount=shipping_discount,
        promotion_ids=promotions,
        refund=_refund(random, product, life) if unit else None,
    )


def _tax(amount: int, rate: float, *, included: bool) -> int:
    return round(amount * rate / (1 + rate)) if included else round(amount * rate)


def _refund(random: Random, product: Product, life: _Life) -> Refund | None:
    """Draw whether and when the buyer gets money back.

    A few days to six weeks after delivery (gamma distribution, mean 12 days).
    """
    if life.delivered is None or random.random() >= product.refund_rate:
        return None
    days = min(1 + random.gammavariate(2.2, 5.0), 45.0)
    kind = pick(
        random, (("Refund", 0.95), ("A-to-z Guarantee Refund", 0.03), ("Chargeback Refund", 0.02))
    )
    share = 0.5 if kind == "Refund" and random.random() < 0.1 else 1.0
    return Refund((life.delivered + timedelta(days=days)).replace(microsecond=0), kind, share)


def _updates(created: datetime, life: _Life, lines: list[Line]) -> tuple[datetime, ...]:
    later = [
        created,
        life.paid,
        life.shipped,
        life.cancelled,
        *(line.refund.at for line in lines if line.refund),
    ]
    return tuple(sorted({instant for instant in later if instant is not None}))
