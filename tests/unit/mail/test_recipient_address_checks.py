"""Which addresses may get mail: their form, and Amazon's relay addresses in any spelling."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from theseller.lib.marketplaces import MARKETPLACES
from theseller.mail.amazon_relay_addresses import is_relay
from theseller.mail.recipient_address_checks import AddressRefusedError, checked_address

_CYRILLIC_O, _FULLWIDTH_M, _ZERO_WIDTH, _SOFT_HYPHEN = "\u043e", "\uff4d", "\u200b", "\u00ad"


def _refused(address: str) -> AddressRefusedError:
    with pytest.raises(AddressRefusedError) as caught:
        checked_address(address)
    return caught.value


@pytest.mark.parametrize(
    ("given_address", "stored"),
    [
        ("Alice@Example.COM", "alice@example.com"),
        (" bob+shop@mail.example.co.uk ", "bob+shop@mail.example.co.uk"),
        ("o'hara@xn--mnchen-3ya.example", "o'hara@xn--mnchen-3ya.example"),
        ("amazon@marketplace.example", "amazon@marketplace.example"),
        ("marketplace@amazon-fans.example", "marketplace@amazon-fans.example"),
    ],
)
def test_plain_addresses_have_one_spelling(given_address: str, stored: str) -> None:
    assert checked_address(given_address) == stored


@pytest.mark.parametrize(
    "address",
    [
        "", "@", "alice", "alice@", "@example.com", "alice@example", "alice@example.com.",
        "a b@example.com", "alice@exa mple.com", "alice@example..com", ".alice@example.com",
        "alice.@example.com", "al..ice@example.com", '"alice"@example.com', "alice@[127.0.0.1]",
        "alice@127.0.0.1", "<alice@example.com>", "alice@example.com,bob@example.com",
        "alice@example.com;bob@example.com", "alice@example.com\r\nBcc: eve@example.com",
        "alice@example.com\nbob@example.com", "alice%other.example@example.com",
        "other.example!alice@example.com", "alice@example.com\x00", "alicé@example.com",
        "alice@exämple.com", "alice@-example.com", "alice@example.com@example.com",
        f"{'a' * 65}@example.com", f"alice@{'a' * 64}.com", f"alice@{'a.' * 125}com",
    ],
)  # fmt: skip
def test_other_forms_are_refused(address: str) -> None:
    assert not _refused(address).relay


_DOMAINS = sorted({one.sales_channel.lower() for one in MARKETPLACES.values()})


@pytest.mark.parametrize("store", _DOMAINS)
def test_the_relay_domain_of_each_store_is_refused(store: str) -> None:
    assert _refused(f"x1y2z3@marketplace.{store}").relay


@pytest.mark.parametrize(
    "address",
    [
        "x1@MARKETPLACE.AMAZON.DE",
        "x1@Marketplace.Amazon.Co.Uk",
        "x1@marketplace.amazon.de.",
        "x1+label@marketplace.amazon.de",
        "x1@m.marketplace.amazon.com",
        "x1@marketplace.amazon.de.forward.example",
        "x1=marketplace.amazon.de@forward.example",
        "x1%marketplace.amazon.de@forward.example",
        "marketplace.amazon.de!x1@forward.example",
        '"x1@marketplace.amazon.de"@forward.example',
        "x1@marketplace.amazon",
        "x1@marketplace-amazon.example",
        "x1@marketplace\u3002amazon\uff0ede",
        f"x1@{_FULLWIDTH_M}arketplace.amazon.de",
        f"x1@marketplace.amaz{_CYRILLIC_O}n.de",
        f"x1@market{_ZERO_WIDTH}place.amazon.de",
        f"x1@marketplace.ama{_SOFT_HYPHEN}zon.de",
        "x1@market\\place.amazon.de",
        "x1@ marketplace.amazon.de",
        "x1@marketplace.\u24d0mazon.de",
        f"x1@marketplace.{f'amaz{_CYRILLIC_O}n'.encode('idna').decode()}.de",
    ],
)
def test_disguised_relay_addresses_are_refused_as_such(address: str) -> None:
    assert is_relay(address)
    assert _refused(address).relay


@given(st.text(max_size=20), st.sampled_from(["", ".", ".de", ".co.uk", ".com."]), st.data())
def test_no_spelling_of_a_relay_address_passes(local: str, end: str, data: st.DataObject) -> None:
    """Capitals, full-width letters and invisible characters in any place."""
    name = "".join(
        data.draw(st.sampled_from([one, one.upper(), chr(ord(one) + 0xFEE0), f"{one}\u200d"]))
        for one in "marketplace"
    )
    with pytest.raises(AddressRefusedError):
        checked_address(f"{local}@{name}.amazon{end}")


@given(st.text(max_size=40))
def test_what_passes_is_one_plain_line(address: str) -> None:
    try:
        plain = checked_address(address)
    except AddressRefusedError:
        return
    assert plain.isascii()
    assert plain.isprintable()
    assert plain == plain.lower() == checked_address(plain)
    assert not set(plain) & set(' ,;:<>()[]"\\%!')
