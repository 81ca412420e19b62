"""Check the form of recipients' addresses; recognize Amazon's relays.

Amazon gives each buyer a relay address such as ``x1y2z3@marketplace.amazon.de``. Mail to one
reaches the buyer, so no spelling of one may pass: letters of other scripts, capitals, a dot at the
end, labels before or after, an address that another domain forwards.
"""

from __future__ import annotations

import re
import unicodedata

#: RFC 5321 §4.5.3.1.
_LOCAL_MAX, _ADDRESS_MAX = 64, 254
# Without quotes, `%` and `!`, by which old servers route mail to another domain, and without the
# brackets of addresses of machines.
_LOCAL = re.compile(r"[a-z0-9#$&'*+/=?^_`{|}~-]+(\.[a-z0-9#$&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_RELAY = re.compile(r"(?<![a-z0-9])marketplace[._-]amazon(?![a-z0-9])")
_IGNORABLE = {"Cf", "Cc", "Mn", "Me"}
# Letters of other alphabets that look like those of the name.
_LOOKALIKES = str.maketrans(
    "аеосрхкмтѕіјӏαοκρτνιｅ",
    "aeocpxkmtsijlaokptvie",
)


class AddressRefusedError(ValueError):
    """The address can't get mail; `relay` says that it leads to a buyer."""

    def __init__(self, *, relay: bool = False) -> None:
        super().__init__(
            "the address is a relay address of Amazon's"
            if relay
            else "the address has no valid form"
        )
        self.relay = relay


def checked_address(address: str) -> str:
    """Return the one spelling of an address that may get mail.

    Raises:
        AddressRefusedError: it has another form, or is one of Amazon's relay addresses.
    """
    if is_relay(address):
        raise AddressRefusedError(relay=True)
    plain = address.strip(" \t").lower()
    local, at, domain = plain.rpartition("@")
    labels = domain.split(".")
    if (
        not plain.isascii()
        or len(plain) > _ADDRESS_MAX
        or not at
        or len(local) > _LOCAL_MAX
        or not _LOCAL.fullmatch(local)
        or len(labels) < 2
        or not all(_LABEL.fullmatch(label) for label in labels)
        or labels[-1].isdigit()
    ):
        raise AddressRefusedError
    return plain


def is_relay(address: str) -> bool:
    """Say whether an address is, or hides, one of Amazon's relay addresses.

    Any part of the address counts, since a forwarding address may have it before the ``@``.
    """
    return any(_RELAY.search(text) for text in _readings(address))


def _readings(address: str) -> set[str]:
    """Return the address as the libraries on its way may read it."""
    plain = _folded(address)
    found = {plain}
    if "xn--" in plain:
        found.add(_folded(".".join(_without_punycode(label) for label in plain.split("."))))
    return found | {text.translate(_LOOKALIKES) for text in found}


def _folded(text: str) -> str:
    compatible = unicodedata.normalize("NFKC", unicodedata.normalize("NFKD", text).casefold())
    decomposed = unicodedata.normalize("NFKD", compatible.casefold())
    kept = "".join(one for one in decomposed if unicodedata.category(one) not in _IGNORABLE)
    # Other full stops than ours count as one (RFC 3490 §3.1).
    return re.sub(r"\s+", "", re.sub(r"[\u3002\uff0e\uff61]", ".", kept)).replace("\\", "")


def _without_punycode(label: str) -> str:
    before, prefix, encoded = label.rpartition("xn--")
    try:
        return before + encoded.encode("ascii").decode("punycode") if prefix else label
    except (UnicodeError, ValueError):
        return label
