"""Check the names of shops and the addresses of people who are invited."""

from __future__ import annotations

from django.core.exceptions import ValidationError
from django.core.validators import validate_email

from theseller.accounts.addresses import AddressError, canonical
from theseller.accounts.members.types import MembershipRefusedError
from theseller.lib.translation_marks import gettext_noop

NAME_LENGTH_MAX = 200


def checked_name(name: str) -> str:
    """Return a shop's name without double spaces and line ends.

    Raises:
        MembershipRefusedError: it has not 1 to 200 printable characters.
    """
    plain = " ".join(name.split())
    if not 0 < len(plain) <= NAME_LENGTH_MAX or not plain.isprintable():
        raise MembershipRefusedError(gettext_noop("A shop's name has 1 to 200 characters."))
    return plain


def checked_address(email: str) -> str:
    """Return an email address as it is stored.

    Raises:
        MembershipRefusedError: it is no address that can be used.
    """
    try:
        address = canonical(email)
        validate_email(address)
    except AddressError as error:
        raise MembershipRefusedError(str(error)) from None
    except ValidationError:
        raise MembershipRefusedError(gettext_noop("Enter a valid email address.")) from None
    return address
