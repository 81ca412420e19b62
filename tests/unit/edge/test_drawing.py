"""Drawing charts as SVG."""

from __future__ import annotations

from datetime import timedelta
from decimal import Decimal
from xml.etree import ElementTree as ET

import pytest
from django.template import Context, Template
from tests.unit.edge.specimens_data import AT

from theseller.edge import svg_charts
from theseller.edge.control_outcome_labels import badge_for
from theseller.edge.types import WaterfallRow
from theseller.edge.waterfall_geometry import bars, extent
from theseller.lib.money import MixedCurrenciesError, Money


def _render(source: str, **values: object) -> str:
    return Template("{% load edge_ui %}" + source).render(Context(values))


def _euro(amount: int) -> Money:
    return Money(Decimal(amount), "EUR")


def test_a_sparkline_breaks_at_gaps_and_stays_in_its_box() -> None:
    # (our own drawing)
    drawing = ET.fromstring(svg_charts.sparkline([1, 5, None, 3, 2], label="sales"))  # noqa: S314
    assert drawing.get("aria-label") == "sales"
    line = next(path for path in drawing if path.get("class") == "spark-line").get("d") or ""
    assert line.count("M") == 2
    numbers = [float(word) for word in line.replace("M", " ").replace("L", " ").split()]
    assert numbers[0::2] == [0, 1, 3, 4]
    assert all(0 <= y <= 28 for y in numbers[1::2])
    assert numbers[3] < numbers[1]


@pytest.mark.parametrize("values", [[], [None, None]])
def test_sparkline_without_values_is_empty(values: list[None]) -> None:
    assert svg_charts.sparkline(values) == ""


@pytest.mark.parametrize("values", [[7], [0, 0, 0]])
def test_a_sparkline_of_one_value_or_a_flat_one_can_be_drawn(values: list[int]) -> None:
    assert "nan" not in svg_charts.sparkline(values).lower()
    ET.fromstring(svg_charts.sparkline(values))  # noqa: S314


def test_back_quotes_of_a_text_become_code_and_the_rest_is_escaped() -> None:
    page = Template("{% load edge_ui %}{{ text|with_code }}").render(
        Context({"text": "2 < 3: `theseller <x>` names them"})
    )
    assert page == "2 &lt; 3: <code>theseller &lt;x&gt;</code> names them"


def test_a_bar_spans_its_share_and_marks_zero() -> None:
    drawing = ET.fromstring(svg_charts.bar(0, -25, -50, 50, tone="loss"))  # noqa: S314
    rect, zero = drawing
    assert (rect.get("x"), rect.get("width")) == ("25", "25")
    assert zero.get("d") == "M50 0v10"
    assert drawing.get("class") == "bar is-loss"
    assert drawing.get("aria-hidden") == "true"


def test_a_bar_of_zero_has_no_width_and_a_tiny_one_can_be_seen() -> None:
    assert 'width="0"' in svg_charts.bar(0, 0, 0, 100)
    assert 'width="0.4"' in svg_charts.bar(0, Decimal("0.001"), 0, 100)


def test_a_waterfall_continues_where_the_line_before_ended() -> None:
    placed = bars([
        WaterfallRow("Sales", _euro(100), total=True), WaterfallRow("Fees", _euro(-130)),
        WaterfallRow("Paid back", _euro(10)), WaterfallRow("Net", _euro(-20), total=True),
    ])  # fmt: skip
    assert [(bar.start, bar.end) for bar in placed] == [(0, 100), (100, -30), (-30, -20), (0, -20)]
    assert [bar.tone for bar in placed] == ["total", "loss", "gain", "total"]
    assert extent(placed) == (-30, 100)


def test_a_waterfall_refuses_two_currencies() -> None:
    with pytest.raises(MixedCurrenciesError):
        bars([WaterfallRow("a", _euro(1)), WaterfallRow("b", Money(Decimal(1), "USD"))])


def test_the_waterfall_is_a_table_with_names_amounts_and_shares() -> None:
    rows = [
        WaterfallRow("Sales", _euro(200), total=True),
        WaterfallRow("<Fees>", _euro(-50), note="82% actual", url="/fees"),
    ]
    html = _render("{% waterfall rows %}", rows=rows)
    assert '<a href="/fees">&lt;Fees&gt;</a>' in html
    assert "\u2212€50.00" in html
    assert "\u221225.0%" in html
    assert html.count('scope="row"') == 2


@pytest.mark.parametrize(
    ("outcome", "key"),
    [
        ("Met", "met"),
        ("not_applicable", "notapplicable"),
        ("NotApplicable", "notapplicable"),
        ("meet", "unknown"),
        (object(), "unknown"),
    ],
)
def test_badge_of_a_misspelled_outcome_is_unknown(outcome: object, key: str) -> None:
    assert badge_for(outcome).key == key


def test_a_badge_knows_a_value_by_its_class() -> None:
    class Broken: ...

    assert 'class="badge is-broken"' in _render("{% status_badge outcome %}", outcome=Broken())


def test_delta_states_its_direction_and_percentage_as_text() -> None:
    html = _render('{% delta now before "bad" %}', now=_euro(120), before=_euro(100))
    assert "is-bad" in html
    assert "up " in html
    assert "20.0%" in html


def test_amounts_of_two_currencies_are_not_compared() -> None:
    assert "no comparable period" in _render(
        "{% delta now before %}", now=_euro(1), before=Money(Decimal(1), "USD")
    )


def test_rounded_money_keeps_its_exact_value() -> None:
    html = _render("{% money amount digits=0 %}", amount=Money(Decimal("84212.40"), "EUR"))
    assert html == '<span class="num" title="€84,212.40">€84,212</span>'


def test_missing_values_are_stated() -> None:
    for tag in ("{% money x %}", "{% number x %}", "{% percent x %}"):
        assert "no data" in _render(tag, x=None)
    assert "never" in _render("{% freshness x at %}", x=None, at=AT)


def test_freshness_carries_the_exact_instant() -> None:
    html = _render("{% freshness x at %}", x=AT - timedelta(minutes=14), at=AT)
    assert (
        html == '<time datetime="2026-11-23T13:51:00+00:00" title="Nov 23, 2026, 13:51 UTC">14 min'
        " ago</time>"
    )


def test_template_tags_escape_their_arguments() -> None:
    assert "<b>" not in _render(
        "{% status_badge 'met' label %}{% icon name label %}", label="<b>", name='"><b>'
    )
