"""Format an Amazon address as the lines of a packing slip."""

from __future__ import annotations

from theseller.amazon.decoders.recipients import Address, SlipData
from theseller.buyer_pii.types import Gift, Recipient

#: Countries that write city, state and postal code on one line; elsewhere the postal code is first.
_CITY_FIRST = frozenset({"US", "CA", "AU", "IN", "SG", "AE", "SA", "EG", "ZA", "BR"})


def printed_recipient(data: SlipData, address: Address) -> Recipient:
    """Return the recipient as it is printed.

    Empty lines are left out; the order follows the postal custom of the country.
    """
    country = (address.country_code or "").upper()
    lines = (
        address.name,
        address.company_name,
        address.address_line1,
        address.address_line2,
        address.address_line3,
        address.district_or_county,
        *_city_lines(address, country),
    )
    return Recipient(
        lines=tuple(line.strip() for line in lines if line and line.strip()),
        country=country,
        phone=address.phone or "",
        gifts=tuple(Gift(item, message) for item, message in data.gifts),
        ship_by=data.ship_by,
    )


def _city_lines(address: Address, country: str) -> tuple[str, ...]:
    """Return the last address lines in the order of the country's post."""
    town, state, code = address.city or "", address.state_or_region or "", address.postal_code or ""
    if country == "JP":
        return (code, f"{state} {town}")
    if country in {"GB", "IE"}:
        return (town, code)
    if country in _CITY_FIRST:
        return (f"{', '.join(filter(None, (town, state)))} {code}",)
    return (f"{code} {town}", state)
