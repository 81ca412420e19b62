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
    """Write a plain amount with the currency of its row; rounded to `digits`, the exact one is in the `title`."""
    return money(None if value is None or not currency else Money(value, currency), digits)


@register.filter
def order_status(status: str) -> str:
    """Write an order's status as Seller Central does: ``Canceled``."""
    return {"cancelled": "Canceled"}.get(status.lower(), status.capitalize())


@register.simple_tag
def clock_time(moment: datetime, zone: tzinfo) -> SafeString:
    """Write the time of day of an instant on a store's clock; the instant itself is in the element."""
    return format_html(
        '<time datetime="{}">{}</time>',
        moment.isoformat(),
        moment.astimezone(zone).strftime("%H:%M:%S"),
    )
