"""Check the form of recipients' addresses, and return their one spelling."""

from __future__ import annotations

import re

from theseller.mail.amazon_relay_addresses import is_relay

#: RFC 5321 §4.5.3.1.
_LOCAL_MAX, _ADDRESS_MAX = 64, 254
# Without quotes, `%` and `!`, by which old servers route mail to another domain, and without the
# brackets of addresses of machines.
_LOCAL = re.compile(r"[a-z0-9#$&'*+/=?^_`{|}~-]+(\.[a-z0-9#$&'*+/=?^_`{|}~-]+)*")
_LABEL = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")


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
