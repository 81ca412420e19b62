"""Trusted proxies, chains of forwarded addresses, and the networks that limits count by."""

from __future__ import annotations

import pytest

from theseller.lib.ip_networks_and_proxies import (
    NO_PROXIES,
    TrustedProxies,
    forwarded_address,
    network_of,
    parse_proxies,
)

PROXIES = parse_proxies("10.0.0.0/8, 2001:db8:99::/48")


@pytest.mark.parametrize(
    ("peer", "forwarded", "client"),
    [
        ("11.0.0.1", "203.0.113.9", "11.0.0.1"),  # no proxy of ours: the header is the caller's own
        ("10.0.0.1", "6.6.6.6, 203.0.113.9", "203.0.113.9"),
        ("10.0.0.1", "6.6.6.6,203.0.113.9 ,\t10.0.0.2", "203.0.113.9"),
        ("10.0.0.1", "10.0.0.3, 10.0.0.4", "10.0.0.3"),  # a client inside the trusted networks
        ("10.0.0.1", "", "10.0.0.1"),
        ("10.0.0.1", ", ,", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9,,", "203.0.113.9"),
        ("10.0.0.1", "203.0.113.9, unknown", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, _hidden, 10.0.0.7", "10.0.0.7"),
        ("10.0.0.1", "203.0.113.9, 010.1.1.1", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, 1.2.3", "10.0.0.1"),
        ("10.0.0.1", "203.0.113.9, \uff11.2.3.4", "10.0.0.1"),
        ("10.0.0.1", "9.9.9.9:4711", "9.9.9.9"),
        ("10.0.0.1", "9.9.9.9:x", "10.0.0.1"),
        ("10.0.0.1", "2001:DB8:0::1", "2001:db8::1"),
        ("10.0.0.1", "[2001:db8::1]", "2001:db8::1"),
        ("10.0.0.1", '"[2001:db8::1%25eth0]:443"', "2001:db8::1"),
        ("10.0.0.1", "fe80::1%eth0", "fe80::1"),
        ("10.0.0.1", "::ffff:198.51.100.7", "198.51.100.7"),
        ("10.0.0.1", "6.6.6.6, ::ffff:10.0.0.9", "6.6.6.6"),
        ("10.0.0.1", "x" * 9000, "10.0.0.1"),
        ("::ffff:10.0.0.1", "9.9.9.9", "9.9.9.9"),
        ("2001:db8:99::1%eth0", "9.9.9.9", "9.9.9.9"),
        ("", "9.9.9.9", ""),  # a Unix socket that was not named
    ],
)
def test_client_address_is_the_rightmost_entry_outside_the_trusted_proxies(
    peer: str, forwarded: str, client: str
) -> None:
    assert forwarded_address(peer, forwarded, PROXIES) == client


def test_a_proxy_on_a_unix_socket_is_trusted_when_it_is_named() -> None:
    assert forwarded_address("", "6.6.6.6, 9.9.9.9", parse_proxies("unix")) == "9.9.9.9"
    assert forwarded_address("10.0.0.1", "9.9.9.9", parse_proxies("unix")) == "10.0.0.1"


@pytest.mark.parametrize(
    ("text", "sentence"),
    [
        ("", "empty"),
        (" , ", "empty"),
        ("1", "neither an address nor a network"),
        ("proxy.internal", "neither an address nor a network"),
        ("10.0.0.1/8", "write 10.0.0.0/8"),
        ("0.0.0.0/0", "too wide"),
        ("0.0.0.0/1, 128.0.0.0/1", "too wide"),
        ("::/0", "too wide"),
        ("::ffff:0:0/96", "too wide"),
        ("none, 10.0.0.1", "combined"),
        ("fe80::1%eth0", "zone"),
        ("10.0.0.1;10.0.0.2", "neither"),
    ],
)
def test_invalid_list_of_proxies_is_refused(text: str, sentence: str) -> None:
    with pytest.raises(ValueError, match=sentence):
        parse_proxies(text)


def test_list_of_trusted_proxies_is_parsed() -> None:
    assert parse_proxies("none") == NO_PROXIES == TrustedProxies()
    named = parse_proxies("10.0.0.5, ::ffff:192.0.2.0/120 unix 10.0.0.5")
    assert [str(network) for network in named.networks] == ["10.0.0.5/32", "192.0.2.0/24"]
    assert "" in named
    assert "192.0.2.77" in named
    assert "::ffff:192.0.2.77" in named
    assert "192.0.3.1" not in named
    assert "nonsense" not in named


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("203.0.113.9", "203.0.113.9"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2:ffff::1", "2001:db8:1:2::/64"),
        ("::ffff:203.0.113.9", "203.0.113.9"),
        ("fe80::1%eth0", "fe80::/64"),
        ("", "unknown"),
        ("nonsense", "unknown"),
    ],
)
def test_network_of_an_address_is_the_ipv4_host_or_ipv6_64_prefix(
    address: str, network: str
) -> None:
    assert network_of(address) == network
