"""Recognize Amazon's relay addresses, which lead to a buyer.

Amazon gives each buyer a relay address such as ``x1y2z3@marketplace.amazon.de``. Mail to one
reaches the buyer, so no spelling of one may pass: letters of other scripts, capitals, a dot at the
end, labels before or after, an address that another domain forwards.
"""

from __future__ import annotations

import re
import unicodedata

_RELAY = re.compile(r"(?<![a-z0-9])marketplace[._-]amazon(?![a-z0-9])")
_IGNORABLE = {"Cf", "Cc", "Mn", "Me"}
# Letters of other alphabets that look like those of the name.
_LOOKALIKES = str.maketrans(
    "аеосрхкмтѕіјӏαοκρτνιｅ",
    "aeocpxkmtsijlaokptvie",
)


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
