"""The one spelling of a mail address: lower case and ASCII.

Unicode has letters that compare equal to others in one library and not in the next: the dotless i,
the Kelvin sign, full-width letters, ligatures. With them one account would have several addresses,
and each address a limit of its own.
"""

from __future__ import annotations


class AddressError(ValueError):
    """The address can't be used; the text says why and holds no part of it."""


def canonical(address: str) -> str:
    """Return the form in which `address` is stored, compared and counted.

    Browsers send the domain of an `<input type="email">` in its ASCII form already (RFC 5891).

    Raises:
        AddressError: it is not printable ASCII without spaces.
    """
    plain = address.strip(" \t\r\n")
    if not plain.isascii() or not plain.isprintable() or " " in plain:
        raise AddressError(
            "Use an email address with ASCII characters only. Enter an internationalized domain in"
            " its xn-- form."
        )
    return plain.lower()


def canonical_or_empty(address: str) -> str:
    """Return the canonical form of `address`; "" if it has none.

    No user has the empty address.
    """
    try:
        return canonical(address)
    except AddressError:
        return ""
