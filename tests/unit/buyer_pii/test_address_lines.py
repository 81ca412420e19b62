"""An address as lines on a slip: complete, without empty ones, and in the order of the country's post."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from theseller.amazon.decoders.recipients import Address, SlipData
from theseller.buyer_pii.address_lines import printed_recipient

DATA = SlipData(
    "1",
    datetime(2026, 11, 1, tzinfo=UTC),
    "MERCHANT",
    cancelled=False,
    may_have_left=False,
    ship_by=None,
    address=None,
    gifts=(("7", "Hi"),),
)


@pytest.mark.parametrize(
    ("country", "last"),
    [
        ("US", ("Springfield, IL 62701",)),
        ("us", ("Springfield, IL 62701",)),
        ("DE", ("62701 Springfield", "IL")),
        ("GB", ("Springfield", "62701")),
        ("JP", ("62701", "IL Springfield")),
        ("XX", ("62701 Springfield", "IL")),
    ],
)
def test_last_address_lines_follow_the_format_of_the_country(
    country: str, last: tuple[str, ...]
) -> None:
    address = Address(
        name="A. Miller", company_name=" ", address_line1="1 Row", address_line3="c/o",
        city="Springfield", state_or_region="IL", postal_code="62701", country_code=country,
        phone="+1 555",
    )  # fmt: skip
    found = printed_recipient(DATA, address)
    assert found.lines == ("A. Miller", "1 Row", "c/o", *last)
    assert (found.country, found.phone, found.gifts[0].message) == (country.upper(), "+1 555", "Hi")


def test_missing_address_fields_leave_no_empty_line_or_comma() -> None:
    found = printed_recipient(
        DATA, Address(name="A", address_line1="1 Row", city="Paris", country_code="US")
    )
    assert found.lines == ("A", "1 Row", "Paris")
    assert printed_recipient(DATA, Address(name="A", address_line1="1 Row")).lines == ("A", "1 Row")
