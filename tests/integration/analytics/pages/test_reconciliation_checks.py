"""The reconciliation of a month says so where something is not known, or does not add up."""

from __future__ import annotations

import csv
import io
import re
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import Any

import pytest
from django.test import Client
from tests.cast import Cast, create_cast
from tests.integration.analytics.facts import DE, FR, Shop

from theseller.accounts.members.marketplace_limits import limit_member
from theseller.accounts.models import User
from theseller.amazon.charge_classifier import ChargeType
from theseller.analytics.pages.periods import Span
from theseller.analytics.pages.reconciliation import Reconciliation, Statement, reconcile
from theseller.lib import clock
from theseller.tenancy.tenant_scope import tenant_scope

OCTOBER = Span(date(2026, 10, 1), date(2026, 10, 31))
AT = datetime(2026, 10, 15, 12, tzinfo=UTC)
NOVEMBER = datetime(2026, 11, 20, 12, tzinfo=UTC)
PAGE = "/reconciliation/?store=DE&month=2026-10"
SETTLED: dict[str, Any] = {"source": "settlement", "state": "settled", "source_key": "77"}


def _shop(*, covered: bool = True) -> Shop:
    shop = Shop.open()
    if covered:
        shop.cover(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 11, 5, tzinfo=UTC))
    return shop


def _october(shop: Shop) -> Reconciliation:
    with tenant_scope(shop.tenant, using="worker"):
        return reconcile(DE, "EUR", OCTOBER, NOVEMBER, using="worker")


def _steps(statement: Statement | None) -> dict[str, Decimal | None]:
    assert statement is not None
    return {
        step.label: None if step.amount is None else step.amount.amount for step in statement.steps
    }


def _settled_shop(total: str | None = "10.00") -> Shop:
    shop = _shop()
    shop.money(AT, "10.00", **SETTLED)
    shop.settlement_document(AT - timedelta(days=9), AT, (DE,), "77")
    if total is not None:
        shop.payout("77", total, AT - timedelta(days=9), AT)
    shop.roll_up()
    return shop


def test_payouts_are_compared_with_net_proceeds_of_days_and_with_lines() -> None:
    settled = _october(_settled_shop()).settled
    assert settled is not None
    assert settled.state == "good"
    # The payout is not the sum of the lines.
    settled = _october(_settled_shop("12.00")).settled
    assert settled is not None
    assert (settled.state, _steps(settled)["Not explained"]) == ("bad", Decimal(2))
    # Another line is stored and paid, and not in the figures of days yet.
    shop = _settled_shop("15.00")
    shop.money(AT, "5.00", **SETTLED | {"source_line": 2})
    settled = _october(shop).settled
    assert settled is not None
    assert (settled.state, _steps(settled)["Not explained"]) == ("bad", Decimal(5))


def test_an_unknown_payout_is_no_sum_of_lines_and_gets_no_badge() -> None:
    settled = _october(_settled_shop(None)).settled
    assert settled is not None
    assert (settled.state, settled.unexplained) == ("unknown", None)
    assert _steps(settled) == {"Net proceeds": Decimal(10), "Payouts": None}
    assert settled.steps[-1].note == "the payout of 1 settlement is not known"


def test_more_than_sixty_settlements_may_touch_a_month() -> None:
    """Some sellers are paid every day, by two streams."""
    shop = _shop()
    for number in range(70):
        end = datetime(2026, 10, 1, 12, tzinfo=UTC) + timedelta(hours=10 * number)
        shop.settlement_document(end - timedelta(hours=10), end, (DE,), f"9{number:03}")
        shop.payout(f"9{number:03}", "1.00", end - timedelta(hours=10), end)
    shop.money(AT, "70.00", **SETTLED | {"source_key": "9000"})
    shop.roll_up()
    found = _october(shop)
    assert len(found.settlements) == 70
    assert _steps(found.settled)["Payouts"] == Decimal(70)


def test_differences_of_orders_are_counted_by_product() -> None:
    shop = _shop()
    of: dict[str, Any] = {"order_id": shop.order(AT, "1.00", line_key="1", sku="A")}
    shop.order(AT, "2.00", line_key="2", sku="B", **of)
    shop.order(AT, None, line_key="3", sku="C", **of)
    shop.order(AT, "16.00", line_key="4", sku="D", quantity=2, **of)
    for line, (sku, amount, units) in enumerate(
        (("A", "1.00", 1), ("C", "4.00", 1), ("D", "8.00", 1), ("E", "32.00", 1))
    ):
        shop.money(AT, amount, sku=sku, quantity=units, source_key="T1", source_line=line, **of)
    shop.roll_up()
    found = _october(shop).sales
    assert found.state == "good"
    assert _steps(found) == {
        "Ordered sales": Decimal(19),
        "Products of posted orders that are not posted": Decimal(-2),
        "Posted with another amount": Decimal(-8),
        "Posted products that have no price in the order yet": Decimal(4),
        "Posted products that are not in the stored order": Decimal(32),
        "Product sales": Decimal(45),
    }


@pytest.mark.parametrize(
    ("sku", "amount", "units"),
    [
        (None, "7.00", None),  # It names no product: what it is of is not known.
        ("MUG-1", "20.00", 2),  # More units than were ordered: counted twice?
    ],
)
def test_what_no_row_explains_is_left(sku: str | None, amount: str, units: int | None) -> None:
    shop = _shop()
    order = shop.order(AT, "10.00")
    shop.money(AT, amount, order_id=order, sku=sku, quantity=units)
    shop.roll_up()
    found = _october(shop).sales
    assert found.state == "bad"
    assert _steps(found) == {
        "Ordered sales": Decimal(10),
        "Not explained": Decimal(amount) - 10,
        "Product sales": Decimal(amount),
    }


def test_an_order_that_was_posted_whole_needs_no_products() -> None:
    shop = _shop()
    order = shop.order(AT, "10.00")
    shop.money(AT + timedelta(days=25), "10.00", order_id=order, sku=None)
    free = shop.order(AT, "3.00", quantity=0)
    shop.money(AT + timedelta(days=25), "3.00", order_id=free)
    shop.roll_up()
    found = _october(shop).sales
    assert found.state == "good"
    assert _steps(found)["Posted after the month"] == Decimal(-13)


def test_a_month_without_data_has_no_figures() -> None:
    shop = _shop(covered=False)
    shop.order(NOVEMBER)
    shop.roll_up()
    found = _october(shop)
    assert _steps(found.sales) == {"Ordered sales": None, "Product sales": None}
    assert found.sales.state == "unknown"
    assert not any(fact.known or fact.count or fact.amount for fact in found.facts)


def test_a_month_with_some_data_adds_up_only_as_far_as_it_is_stored() -> None:
    shop = _shop(covered=False)
    shop.cover(datetime(2026, 9, 1, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC))
    order = shop.order(AT, "10.00")
    shop.money(AT, "10.00", order_id=order)
    shop.roll_up()
    found = _october(shop)
    assert (found.sales.state, found.sales.text) == ("unknown", "Adds up, as far as data is stored")
    assert [gap.length for gap in found.known.order_gaps] == [11]
    assert [gap.length for gap in found.known.money_gaps] == [12]


def _text(cast: Cast, address: str = PAGE, name: str = "alice") -> str:
    client = Client()
    client.force_login(User.objects.get(pk=getattr(cast, name).id))
    return " ".join(re.sub(r"<[^>]*>", " ", client.get(address).content.decode()).split())


def test_the_page_says_what_is_missing_and_shows_no_month_to_come() -> None:
    cast = create_cast(at=clock.now() - timedelta(days=100))
    shop = Shop(cast.alices_shop)
    shop.cover(datetime(2026, 10, 5, tzinfo=UTC), datetime(2026, 10, 20, tzinfo=UTC))
    shop.order(AT, None, status="cancelled")
    shop.order(AT - timedelta(days=40), "1.00")
    shop.roll_up()
    text = _text(cast)
    assert "days of this month are not stored" in text
    assert "Canceled orders, in no ordered sales 1, 1 of them without a price" in text
    assert "1, 1 of them without a price ·" not in text
    assert "Adds up to the cent" not in text
    default = _text(cast, "/reconciliation/?store=DE")
    for month in ("2099-12", "2027-01", "2000-01", "2026-08"):
        assert _text(cast, f"/reconciliation/?store=DE&month={month}") == default, month
    empty = _text(cast, "/reconciliation/?store=DE&month=2026-11")
    assert "€0.00" not in empty


def test_no_text_for_a_limited_member_says_that_nothing_is_stored() -> None:
    cast = create_cast(at=clock.now() - timedelta(days=100))
    shop = Shop(cast.alices_shop)
    shop.order(AT, "1.00")
    shop.settlement_document(AT - timedelta(days=9), AT, (DE, FR), "77")
    french = shop.order(AT, "2.00", store=FR)
    shop.money(AT, "2.00", order_id=french)
    shop.roll_up()
    limit_member(person=cast.bob.id, marketplaces=(DE,), tenant=cast.alices_shop,
                 owner=cast.alice.id, at=clock.now())  # fmt: skip
    text = _text(cast, name="bob")
    assert "No stored settlement that you may see touches this month." in text
    assert "Orders that are not stored, or of stores that you may not see" in text
    listed = _text(cast, "/settlements/", "bob")
    assert "No settlement that you may see is stored" in listed
    assert "No settlement is stored" not in listed


def test_the_file_has_blank_cells_for_what_is_not_known() -> None:
    cast = create_cast(at=clock.now() - timedelta(days=100))
    shop = Shop(cast.alices_shop)
    shop.money(AT, "1.00", ChargeType.UNCLASSIFIED)
    shop.roll_up()
    client = Client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    text = client.get(f"{PAGE}&format=csv").content.decode("utf-8-sig")
    rows = {row["Line"]: row for row in csv.DictReader(io.StringIO(text, newline=""))}
    assert rows["Ordered sales"]["Amount"] == ""
    assert rows["Canceled orders, in no ordered sales"]["Note"] == "not known"
    assert rows["Not classified, in net proceeds"]["Amount"] == "1"
    assert rows["Days without orders"]["Note"] == "31"
