"""Template tags of the dashboard: `{% load analytics_ui %}`."""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.analytics.pages.page_filters import store_label
from theseller.analytics.profit.written_numbers import write_amount
from theseller.edge import date_time_formatting
from theseller.edge.number_formatting import style_for
from theseller.edge.templatetags.edge_ui import money
from theseller.lib.marketplaces import zone_of
from theseller.lib.money import Money, minor_unit_digits

register = template.Library()

_ORDER_STATUSES = {
    "pending": gettext_noop("Pending"),
    "unshipped": gettext_noop("Unshipped"),
    "shipped": gettext_noop("Shipped"),
    "cancelled": gettext_noop("Canceled"),
}
_MONEY_STATES = {
    "estimated": gettext_noop("Estimated"),
    "deferred": gettext_noop("Deferred"),
    "released": gettext_noop("Released"),
    "settled": gettext_noop("Settled"),
    "reversed": gettext_noop("Reversed"),
    "elsewhere": gettext_noop("Counted elsewhere"),
}


@register.simple_tag
def amount(value: Decimal | None, currency: str | None, digits: int | None = None) -> SafeString:
    """Return a plain amount with the currency of its row.

    Rounded to `digits`; the exact amount is in the `title`.
    """
    return money(None if value is None or not currency else Money(value, currency), digits)


@register.simple_tag
def cost(value: Decimal | None, currency: str) -> SafeString:
    """Return a unit cost with all its decimals."""
    if value is None:
        return money(None)
    exponent = value.normalize().as_tuple().exponent
    decimals = -exponent if isinstance(exponent, int) else 0
    return money(Money(value, currency), max(minor_unit_digits(currency), decimals))


@register.filter
def cost_text(value: Decimal) -> str:
    """Return a unit cost as a form shows it: ``1.50``, in German ``1,50``."""
    return write_amount(value).replace(".", style_for().point)


@register.filter
def order_status(status: str) -> str:
    """Return an order's status as Seller Central writes it: ``Canceled``."""
    text = _ORDER_STATUSES.get(status)
    return _(text) if text else status.capitalize()


@register.filter
def money_state(state: str) -> str:
    """Return how far a ledger line is: ``Released``."""
    text = _MONEY_STATES.get(state)
    return _(text) if text else state.capitalize()


@register.simple_tag
def clock_time(moment: datetime, zone: tzinfo) -> SafeString:
    """Return the time of day of an instant in a store's time zone.

    The instant itself is in the element's `datetime`.
    """
    return format_html(
        '<time datetime="{}">{}</time>',
        moment.isoformat(),
        moment.astimezone(zone).strftime("%H:%M:%S"),
    )


@register.simple_tag
def zone_time(moment: datetime, zone: tzinfo) -> SafeString:
    """Return an instant in a store's time zone: ``Nov 23, 2026, 14:05 CET``.

    The instant itself is in the element's `datetime`.
    """
    return format_html(
        '<time datetime="{}">{}</time>',
        moment.isoformat(),
        date_time_formatting.exact_time(moment.astimezone(zone)),
    )


@register.simple_tag
def short_time(moment: datetime, zone: tzinfo) -> SafeString:
    """Return an instant in a store's time zone, short: ``Nov 23, 14:05``."""
    local = moment.astimezone(zone)
    return format_html(
        '<time datetime="{}" title="{}">{}, {}</time>',
        moment.isoformat(),
        date_time_formatting.exact_time(local),
        date_time_formatting.short_day(local.date()),
        local.strftime("%H:%M"),
    )


@register.filter
def zone_of_store(marketplace_id: str) -> tzinfo:
    """Return the time zone of a store."""
    return zone_of(marketplace_id)


@register.filter
def store_name(marketplace_id: str) -> str:
    """Return the name of a store for sellers."""
    return store_label(marketplace_id)
