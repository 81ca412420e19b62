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

from theseller.edge import date_time_formatting, number_formatting, svg_charts, waterfall_geometry
from theseller.edge.control_outcome_labels import badge_for
from theseller.edge.translate_marked_texts import translated as translated_text
from theseller.edge.types import WaterfallRow
from theseller.lib.money import Money

register = template.Library()

_ARROWS = {"up": "\u25b2", "down": "\u25bc", "flat": "\u25cf", "none": number_formatting.DASH}
_SPOKEN = {
    "up": gettext_noop("up"),
    "down": gettext_noop("down"),
    "flat": gettext_noop("unchanged"),
    "none": gettext_noop("no comparable period"),
}


def _absent() -> SafeString:
    return format_html(
        '<span class="absent"><span aria-hidden="true">{}</span><span class="vh">{}</span></span>',
        number_formatting.DASH,
        _("no data"),
    )


@register.filter
def translated(text: str) -> str:
    """Translate a text that was marked where it was made, with its values."""
    return translated_text(text)


@register.filter
def with_code(text: str) -> SafeString:
    """Show what is in back-quotes as code, as the command line has it."""
    return format_html_join(
        "",
        "{}",
        (
            (format_html("<code>{}</code>", part) if number % 2 else part,)
            for number, part in enumerate(text.split("`"))
        ),
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
        number_formatting.format_number(
            value, digits, style=number_formatting.style_for(), plus=plus
        ),
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
    style = number_formatting.style_for()
    full = number_formatting.format_money(amount, style=style, plus=plus)
    shown = (
        number_formatting.format_money_compact(amount, style=style)
        if compact
        else number_formatting.format_money(amount, style=style, digits=digits, plus=plus)
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
        number_formatting.format_percent(
            ratio, digits, style=number_formatting.style_for(), plus=plus
        ),
    )


def _plain(value: Money | Decimal | int | None) -> Decimal | None:
    if value is None:
        return None
    return value.amount if isinstance(value, Money) else Decimal(value)


@register.simple_tag
def delta(
    now: Money | Decimal | int | None,
    before: Money | Decimal | int | None,
    polarity: number_formatting.Polarity = "good",
) -> SafeString:
    """Show a change with arrow, sign and, from 5 %, a tone.

    `polarity` tells what an increase means (``good``, ``bad``, ``neutral``).
    """
    comparable = not (
        isinstance(now, Money) and isinstance(before, Money) and now.currency != before.currency
    )
    change = number_formatting.delta_between(
        _plain(now), _plain(before) if comparable else None, polarity
    )
    text = (
        ""
        if change.ratio is None
        else number_formatting.format_percent(
            abs(change.ratio), style=number_formatting.style_for()
        )
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
        date_time_formatting.exact_time(instant),
        date_time_formatting.time_ago(instant, at),
    )


@register.simple_tag
def instant(moment: datetime) -> SafeString:
    """Show an instant exactly."""
    return format_html(
        '<time datetime="{}">{}</time>', moment.isoformat(), date_time_formatting.exact_time(moment)
    )


@register.filter(expects_localtime=True)
def day(value: date | None) -> str:
    """Write a day: ``Nov 23, 2026``."""
    return date_time_formatting.day(value) if value else ""


@register.filter(expects_localtime=True)
def short_day(value: date | None) -> str:
    """Write a day without its year: ``Nov 23``."""
    return date_time_formatting.short_day(value) if value else ""


@register.filter(expects_localtime=True)
def week_day(value: date | None) -> str:
    """Write a day with its weekday: ``Mon, Nov 23, 2026``."""
    return date_time_formatting.week_day(value) if value else ""


@register.filter(expects_localtime=True)
def moment(value: datetime | None) -> str:
    """Write an instant with its zone: ``Nov 23, 2026, 14:05 UTC``."""
    return date_time_formatting.exact_time(value) if value else ""


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
    """Draw a series; see `svg_charts.sparkline`."""
    return svg_charts.sparkline(
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
    return svg_charts.bar(
        0, plain, bottom, _plain(high) or 1, tone=tone or ("loss" if plain < 0 else "")
    )


@register.inclusion_tag("edge/components/waterfall.html", name="waterfall")
def waterfall_tag(rows: Sequence[WaterfallRow], caption: str = "") -> dict[str, Any]:
    """Draw rows as a table with a bar column: the chart is accessible itself."""
    placed = waterfall_geometry.bars(rows)
    low, high = waterfall_geometry.extent(placed)
    base = next(
        (bar.row.money.amount for bar in placed if bar.row.total and bar.row.money.amount > 0), None
    )
    drawn = [
        {
            "row": bar.row,
            "tone": bar.tone,
            "svg": svg_charts.bar(bar.start, bar.end, low, high, tone=bar.tone),
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
        "data_json": json.dumps({"noData": _("no data"), "estimatedLabel": _("estimated"), **data}),
    }
