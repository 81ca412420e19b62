"""IP addresses and networks: trusted proxies and forwarded addresses."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from ipaddress import IPv4Address, IPv4Network, IPv6Address, IPv6Network, ip_address, ip_network

Address = IPv4Address | IPv6Address
Network = IPv4Network | IPv6Network

_MAPPED = IPv6Network("::ffff:0:0/96")
_BRACKETED = re.compile(r"\[([0-9A-Fa-f:.]+(?:%[^\]]*)?)\](?::[0-9]{1,5})?")
_WITH_PORT = re.compile(r"([0-9.]+):[0-9]{1,5}")
#: The longest entry: a bracketed, IPv4-mapped IPv6 address with a zone and a port.
_ENTRY_MAX = 96
#: The shortest prefixes that are accepted: those of the widest private networks, 10.0.0.0/8 and
#: fc00::/7.
_MIN_PREFIX = {4: 8, 6: 7}
#: The word that denotes a peer on a Unix socket, which has no address.
UNIX = "unix"
#: The word that says that no proxy is in front of this deployment.
NONE = "none"


@dataclass(frozen=True, slots=True)
class TrustedProxies:
    """The proxies whose `X-Forwarded-*` headers are accepted."""

    networks: tuple[Network, ...] = ()
    unix: bool = False

    def __contains__(self, peer: str) -> bool:
        """Return whether `peer`, as in `REMOTE_ADDR`, is a trusted proxy."""
        if not peer:
            return self.unix
        parsed = parse_address(peer)
        return parsed is not None and self.contains(parsed)

    def contains(self, address: Address) -> bool:
        """Return whether `address` is in one of the networks."""
        return any(address in network for network in self.networks)


NO_PROXIES = TrustedProxies()


def is_loopback(host: str) -> bool:
    """Return whether a URL's host is this machine's loopback address."""
    if host == "localhost":
        return True
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return False


def parse_proxies(text: str) -> TrustedProxies:
    """Parse a list of addresses, networks and `unix`, or `none`.

    Entries are separated by commas or white space.

    Raises:
        ValueError: an entry is invalid; the message names it.
    """
    words = text.replace(",", " ").split()
    if not words:
        raise ValueError("it is empty")
    if NONE in words:
        if len(words) > 1:
            raise ValueError(f"`{NONE}` can't be combined with addresses")
        return NO_PROXIES
    networks = dict.fromkeys(_network(word) for word in words if word != UNIX)
    return TrustedProxies(tuple(networks), unix=UNIX in words)


def _network(word: str) -> Network:
    try:
        network = ip_network(word)
    except ValueError:
        try:
            wanted = ip_network(word, strict=False)
        except ValueError:
            raise ValueError(f"`{word[:60]}` is neither an address nor a network") from None
        raise ValueError(f"`{word[:60]}` is an address inside a network: write {wanted}") from None
    if isinstance(network, IPv6Network):
        if network.network_address.scope_id is not None:
            raise ValueError(f"`{word[:60]}` has a zone: leave out what follows the percent sign")
        if network.subnet_of(_MAPPED):
            mapped = network.network_address.ipv4_mapped
            network = ip_network((str(mapped), network.prefixlen - 96))
    if network.prefixlen < _MIN_PREFIX[network.version]:
        raise ValueError(
            f"`{word[:60]}` is too wide: clients in it could forge the address that limits count by"
        )
    return network


def parse_address(text: str) -> Address | None:
    """Parse one entry of `X-Forwarded-For`, or return None.

    Accepts a port, brackets, quotes and an IPv6 zone, and turns an IPv4-mapped IPv6 address into
    the IPv4 address. Anything else, such as `unknown` or an obfuscated identifier (RFC 7239 section
    6.3), is None.
    """
    entry = text.strip(" \t")
    if len(entry) > _ENTRY_MAX or not entry.isascii():
        return None
    if len(entry) > 1 and entry[0] == entry[-1] == '"':
        entry = entry[1:-1]
    for form in (_BRACKETED, _WITH_PORT):
        if found := form.fullmatch(entry):
            entry = found[1]
            break
    try:
        parsed = ip_address(entry.partition("%")[0])
    except ValueError:
        return None
    return parsed.ipv4_mapped or parsed if isinstance(parsed, IPv6Address) else parsed


def forwarded_address(peer: str, forwarded: str, proxies: TrustedProxies) -> str:
    """Return the client's address: the rightmost one that is no trusted proxy.

    Each proxy appends the address that it saw, so a client controls only what is to the left of
    that. An entry that is no address ends the chain: entries to its left are ignored, and the
    nearest known address is returned.

    Args:
        peer: the socket's address (`REMOTE_ADDR`), empty for a Unix socket.
        forwarded: the value of `X-Forwarded-For`, several lines joined with commas.
        proxies: the trusted proxies.
    """
    known = parse_address(peer)
    nearest = str(known) if known else peer
    if peer not in proxies:
        return nearest
    for entry in _entries_from_right(forwarded):
        address = parse_address(entry)
        if address is None:
            return nearest
        nearest = str(address)
        if not proxies.contains(address):
            return nearest
    return nearest


def _entries_from_right(forwarded: str) -> Iterable[str]:
    # RFC 9110 section 5.6.1.2: empty elements of a list are ignored.
    return (entry for entry in reversed(forwarded.split(",")) if entry.strip(" \t"))


def network_of(address: str) -> str:
    """Return the network that limits count by.

    The /64 of an IPv6 address, an IPv4 address itself, ``unknown`` for anything else.
    """
    parsed = parse_address(address)
    if parsed is None:
        return "unknown"  # A Unix socket has no peer address; all its clients share one bucket.
    if isinstance(parsed, IPv6Address):
        return str(ip_network((parsed, 64), strict=False))
    return str(parsed)
