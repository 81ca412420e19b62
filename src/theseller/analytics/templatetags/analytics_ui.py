"""Template tags of the dashboard: `{% load analytics_ui %}`."""

from __future__ import annotations

from datetime import datetime, tzinfo
from decimal import Decimal

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from theseller.edge.templatetags.edge_ui import money
from theseller.lib.money import Money

register = template.Library()


@register.simple_tag
def amount(value: Decimal | None, currency: str | None, digits: int | None = None) -> SafeString:
    """Return a plain amount with the currency of its row.

    Rounded to `digits`; the exact amount is in the `title`.
    """
    return money(None if value is None or not currency else Money(value, currency), digits)


@register.filter
def order_status(status: str) -> str:
    """Return an order's status as Seller Central writes it: ``Canceled``."""
    return {"cancelled": "Canceled"}.get(status.lower(), status.capitalize())


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
