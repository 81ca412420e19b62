"""Small charts as SVG, without inline styles.

The content security policy forbids inline styles: colors come from the style sheet by class,
geometry is in attributes. Shapes stretch with their box (`preserveAspectRatio="none"`), so strokes
are `non-scaling` and a dot is a line of no length with a round cap.
"""

from __future__ import annotations

from collections.abc import Sequence
from decimal import Decimal

from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

Number = Decimal | int | float
Point = tuple[float, float]

_HEIGHT, _PAD = 28.0, 3.0


def _fmt(value: float) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".")


def _runs(
    values: Sequence[Number | None], low: float, high: float, step: float
) -> list[list[Point]]:
    """Split a series at gaps and scale it into the box.

    A gap is a day without data, which is not zero.
    """
    span = (high - low) or 1.0
    runs: list[list[Point]] = [[]]
    for index, value in enumerate(values):
        if value is None:
            runs.append([])
            continue
        y = _HEIGHT - _PAD - (float(value) - low) / span * (_HEIGHT - 2 * _PAD)
        runs[-1].append((index * step, y))
    return [run for run in runs if run]


def _line(runs: list[list[Point]]) -> str:
    # A tenth of a unit is a tenth of a pixel: more digits would only enlarge the page.
    return " ".join(
        "M" + "L".join(f"{_fmt(x)} {_fmt(round(y, 1))}" for x, y in run) for run in runs
    )


def sparkline(
    values: Sequence[Number | None], *, before: Sequence[Number | None] = (), label: str = ""
) -> SafeString:
    """Draw a series as a line; None is a gap.

    `before` is the period to compare with. Without a `label` it is decoration.
    """
    known = [float(value) for value in (*values, *before) if value is not None]
    if not known:
        return SafeString("")
    low, high = min(known), max(known)
    # One unit per day, so that days are at whole numbers; the drawing stretches to its box.
    width = float(max(len(values) - 1, 1))
    runs = _runs(values, low, high, 1.0)
    earlier = (
        format_html(
            '<path class="spark-before" d="{}" vector-effect="non-scaling-stroke"/>',
            _line(_runs(before, low, high, width / max(len(before) - 1, 1))),
        )
        if before
        else ""
    )
    end = runs[-1][-1] if runs else (0.0, _HEIGHT)
    return format_html(
        '<svg class="spark" viewBox="0 0 {} {}" preserveAspectRatio="none" focusable="false" {}>'
        '{}<path class="spark-line" d="{}" vector-effect="non-scaling-stroke"/>'
        '<path class="spark-end" d="M{} {}h0" vector-effect="non-scaling-stroke"/></svg>',
        _fmt(width), _fmt(_HEIGHT), _role(label), earlier, _line(runs),
        _fmt(end[0]), _fmt(round(end[1], 1)),
    )  # fmt: skip


def bar(
    start: Number, end: Number, low: Number, high: Number, *, tone: str = "", label: str = ""
) -> SafeString:
    """Draw a horizontal bar from `start` to `end` on the axis `low` to `high`.

    A hairline marks zero if the axis includes it.
    """
    span = float(high) - float(low) or 1.0
    left, right = sorted((float(start), float(end)))
    x = (left - float(low)) / span * 100
    width = max((right - left) / span * 100, 0.4) if right > left else 0.0
    zero = -float(low) / span * 100
    axis = (
        format_html(
            '<path class="bar-zero" d="M{} 0v10" vector-effect="non-scaling-stroke"/>', _fmt(zero)
        )
        if 0 < zero < 100
        else ""
    )
    return format_html(
        '<svg class="bar{}" viewBox="0 0 100 10" preserveAspectRatio="none" focusable="false" {}>'
        '<rect class="bar-fill" x="{}" y="0" width="{}" height="10"/>{}</svg>',
        f" is-{tone}" if tone else "", _role(label), _fmt(min(x, 99.6)), _fmt(width), axis,
    )  # fmt: skip


def ticks(positions: Sequence[float]) -> SafeString:
    """Draw vertical hairlines at percentages of the width."""
    lines = format_html_join(
        "",
        '<path d="M{} 0v10" vector-effect="non-scaling-stroke"/>',
        ((_fmt(p),) for p in positions),
    )
    return format_html(
        '<svg class="ticks" viewBox="0 0 100 10" preserveAspectRatio="none"'
        ' aria-hidden="true">{}</svg>',
        lines,
    )


def _role(label: str) -> SafeString:
    if not label:
        return SafeString('aria-hidden="true"')
    return format_html('role="img" aria-label="{}"', label)
