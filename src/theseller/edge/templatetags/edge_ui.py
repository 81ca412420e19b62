"""Template tags of the design system: `{% load edge_ui %}`."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import date, datetime
from decimal import Decimal
from typing import Any

from django import template
from django.templatetags.static import static
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString
from django.utils.translation import gettext as _
from django.utils.translation import gettext_noop

from theseller.edge import numbers, svg, times, waterfall
from theseller.edge.status import badge_for
from theseller.edge.types import WaterfallRow
from theseller.lib.money import Money

register = template.Library()

_ARROWS = {"up": "\u25b2", "down": "\u25bc", "flat": "\u25cf", "none": numbers.DASH}
_SPOKEN = {
    "up": gettext_noop("up"),
    "down": gettext_noop("down"),
    "flat": gettext_noop("unchanged"),
    "none": gettext_noop("no comparable period"),
}


def _absent() -> SafeString:
    return format_html(
        '<span class="absent"><span aria-hidden="true">{}</span><span class="vh">{}</span></span>',
        numbers.DASH,
        _("no data"),
    )


@register.simple_tag
def icon(name: str, label: str = "") -> SafeString:
    """Draw an icon of the sprite: an image with a `label`, else decoration."""
    role = (
        format_html('role="img" aria-label="{}"', label)
        if label
        else SafeString('aria-hidden="true"')
    )
    return format_html(
        '<svg class="icon" focusable="false" {}><use href="{}#{}"/></svg>',
        role,
        static("edge/icons.svg"),
        name,
    )


@register.simple_tag
def number(
    value: Decimal | int | None,
    digits: int = 0,
    plus: bool = False,  # noqa: FBT001, FBT002 - template arguments
) -> SafeString:
    """Format a number; None is a dash with the screen-reader text "no data"."""
    if value is None:
        return _absent()
    return format_html(
        '<span class="num">{}</span>',
        numbers.format_number(value, digits, style=numbers.style_for(), plus=plus),
    )


@register.simple_tag
def money(
    amount: Money | None,
    digits: int | None = None,
    plus: bool = False,  # noqa: FBT001, FBT002
    compact: bool = False,  # noqa: FBT001, FBT002
) -> SafeString:
    """Format an amount with its currency.

    If rounded or compact, the exact value is in the `title`.
    """
    if amount is None:
        return _absent()
    style = numbers.style_for()
    full = numbers.format_money(amount, style=style, plus=plus)
    shown = (
        numbers.format_money_compact(amount, style=style)
        if compact
        else numbers.format_money(amount, style=style, digits=digits, plus=plus)
    )
    if shown == full:
        return format_html('<span class="num">{}</span>', shown)
    return format_html('<span class="num" title="{}">{}</span>', full, shown)


@register.simple_tag
def percent(
    ratio: Decimal | None,
    digits: int = 1,
    plus: bool = False,  # noqa: FBT001, FBT002 - template arguments
) -> SafeString:
    """Write a ratio (0.123) as a percentage."""
    if ratio is None:
        return _absent()
    return format_html(
        '<span class="num">{}</span>',
        numbers.format_percent(ratio, digits, style=numbers.style_for(), plus=plus),
    )


def _plain(value: Money | Decimal | int | None) -> Decimal | None:
    if value is None:
        return None
    return value.amount if isinstance(value, Money) else Decimal(value)


@register.simple_tag
def delta(
    now: Money | Decimal | int | None,
    before: Money | Decimal | int | None,
    polarity: numbers.Polarity = "good",
) -> SafeString:
    """Show a change with arrow, sign and, from 5 %, a tone.

    `polarity` tells what an increase means (``good``, ``bad``, ``neutral``).
    """
    comparable = not (
        isinstance(now, Money) and isinstance(before, Money) and now.currency != before.currency
    )
    change = numbers.delta_between(_plain(now), _plain(before) if comparable else None, polarity)
    text = (
        ""
        if change.ratio is None
        else numbers.format_percent(abs(change.ratio), style=numbers.style_for())
    )
    return format_html(
        '<span class="delta is-{}"><span aria-hidden="true">{}</span>'
        '<span class="vh">{} </span>{}</span>',
        change.tone, _ARROWS[change.direction], _(_SPOKEN[change.direction]), text,
    )  # fmt: skip


@register.simple_tag
def freshness(instant: datetime | None, at: datetime) -> SafeString:
    """Show how old an instant is; its exact time is in the element."""
    if instant is None:
        return format_html('<span class="absent">{}</span>', _("never"))
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        instant.isoformat(),
        times.exact_time(instant),
        times.time_ago(instant, at),
    )


@register.simple_tag
def instant(moment: datetime) -> SafeString:
    """Show an instant exactly."""
    return format_html(
        '<time datetime="{}">{}</time>', moment.isoformat(), times.exact_time(moment)
    )


@register.filter(expects_localtime=True)
def day(value: date | None) -> str:
    """Write a day: ``Nov 23, 2026``."""
    return times.day(value) if value else ""


@register.filter(expects_localtime=True)
def short_day(value: date | None) -> str:
    """Write a day without its year: ``Nov 23``."""
    return times.short_day(value) if value else ""


@register.filter(expects_localtime=True)
def week_day(value: date | None) -> str:
    """Write a day with its weekday: ``Mon, Nov 23, 2026``."""
    return times.week_day(value) if value else ""


@register.filter(expects_localtime=True)
def moment(value: datetime | None) -> str:
    """Write an instant with its zone: ``Nov 23, 2026, 14:05 UTC``."""
    return times.exact_time(value) if value else ""


@register.simple_tag
def status_badge(outcome: object, label: str = "") -> SafeString:
    """Show an outcome by label, icon and color."""
    badge = badge_for(outcome)
    return format_html(
        '<span class="badge is-{}">{}{}</span>',
        badge.key,
        icon(badge.icon),
        label or _(badge.label),
    )


@register.simple_tag
def sparkline(values: Sequence[Any], before: Sequence[Any] = (), label: str = "") -> SafeString:
    """Draw a series; see `svg.sparkline`."""
    return svg.sparkline(
        [_plain(value) for value in values], before=[_plain(value) for value in before], label=label
    )


@register.simple_tag
def barline(
    value: Money | Decimal | int | None,
    high: Money | Decimal | int,
    low: Money | Decimal | int = 0,
    tone: str = "",
) -> SafeString:
    """Draw `value` as a bar from zero, on an axis from `low` to `high`.

    The bar is decoration: show the number beside it.
    """
    plain = _plain(value)
    if plain is None:
        return SafeString("")
    bottom = min(_plain(low) or Decimal(0), Decimal(0))
    return svg.bar(0, plain, bottom, _plain(high) or 1, tone=tone or ("loss" if plain < 0 else ""))


@register.inclusion_tag("edge/components/waterfall.html", name="waterfall")
def waterfall_tag(rows: Sequence[WaterfallRow], caption: str = "") -> dict[str, Any]:
    """Draw rows as a table with a bar column: the chart is accessible itself."""
    placed = waterfall.bars(rows)
    low, high = waterfall.extent(placed)
    base = next(
        (bar.row.money.amount for bar in placed if bar.row.total and bar.row.money.amount > 0), None
    )
    drawn = [
        {
            "row": bar.row,
            "tone": bar.tone,
            "svg": svg.bar(bar.start, bar.end, low, high, tone=bar.tone),
            "share": bar.row.money.amount / base if base else None,
        }
        for bar in placed
    ]
    return {
        "drawn": drawn,
        "caption": caption or _("Profit and loss"),
        "has_share": base is not None,
    }


#: How serious a notice is, by its tone or by the level of Django's messages framework.
_NOTICE_LEVELS = {
    "good": "good",
    "success": "good",
    "warn": "warn",
    "warning": "warn",
    "bad": "bad",
    "error": "bad",
}


@register.filter
def notice_level(tone: str) -> str:
    """Return the level of a notice; empty means information.

    One of ``good``, ``warn`` and ``bad``.
    """
    return _NOTICE_LEVELS.get(tone, "")


@register.simple_tag
def table_head(*labels: str, numeric: str = "") -> SafeString:
    """Write the head row of a table.

    Args:
        labels: the columns' labels; an empty one makes an empty cell.
        numeric: the positions of columns with numbers, counted from 1, separated by spaces.
    """
    positions = {int(position) for position in numeric.split()}
    cells = format_html_join(
        "\n",
        "{}",
        (
            (
                format_html(
                    '<th scope="col"{}>{}</th>',
                    SafeString(' class="n"') if position in positions else "",
                    label,
                )
                if label
                else SafeString("<td></td>"),
            )
            for position, label in enumerate(labels, 1)
        ),
    )
    return format_html("<thead><tr>{}</tr></thead>", cells)


@register.filter
def status_key(outcome: object) -> str:
    """Return an outcome's CSS class, such as ``met`` or ``notapplicable``."""
    return badge_for(outcome).key


@register.inclusion_tag("edge/components/chart.html")
def chart(
    id: str,  # noqa: A002
    title: str,
    summary: str,
    data: dict[str, Any],
    rows: Sequence[Any],
) -> dict[str, Any]:
    """Draw the main chart.

    Args:
        id: the element's ID.
        title: the heading.
        summary: a sentence for screen readers.
        data: as `edge/js/chart.js` describes it.
        rows: the same figures as text (``day``, ``now``, ``before``).
    """
    # A hidden element, not a script block: htmx is configured to drop scripts in swapped content.
    return {
        "id": id,
        "title": title,
        "summary": summary,
        "data": data,
        "rows": rows,
        "data_id": f"{id}-data",
        "data_json": json.dumps(data),
    }
