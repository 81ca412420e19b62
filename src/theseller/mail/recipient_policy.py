"""Decide who may get mail, by their relation to the deployment.

That is members, operators, invited people, people who sign up, and authorities.

It is asked where mail is queued and again before each attempt, since a person may have left between
the two.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from datetime import datetime
from typing import cast
from uuid import UUID

from django.conf import settings
from django.db import connections
from django.utils.module_loading import import_string

from theseller.lib import sql_execution
from theseller.mail.recipient_address_checks import AddressRefusedError, checked_address
from theseller.mail.types import Audience, Recipient, RefusalReason

#: Says whether an address may get mail for a reason, at an instant, by a database connection.
AddressCheck = Callable[[str, datetime, str], bool]


class RecipientRefusedError(ValueError):
    """The address gets no such mail. The message does not contain it."""

    def __init__(self, reason: RefusalReason) -> None:
        super().__init__(reason.value)
        self.reason = reason


def allowed_recipient(
    address: str, *, audience: Collection[Audience], at: datetime, using: str
) -> Recipient:
    """Return the recipient if mail for `audience` may go to `address`.

    Args:
        address: as it was given.
        audience: who may get mail of the kind.
        at: now.
        using: a connection as `auth`, `operator` or `worker`.

    Raises:
        RecipientRefusedError: the address gets no mail of this kind.
    """
    try:
        plain = checked_address(address)
    except AddressRefusedError as error:
        raise RecipientRefusedError(
            RefusalReason.AMAZON_RELAY if error.relay else RefusalReason.INVALID
        ) from None
    user, member, operator, refused = cast(
        "tuple[UUID | None, bool, bool, bool]",
        sql_execution.one(
            connections[using],
            "select user_id, member, operator, refused from guard.mail_recipient(%s)",
            [plain],
        ),
    )
    if refused:
        raise RecipientRefusedError(RefusalReason.ADDRESS_REFUSED)
    if not (
        (member and Audience.MEMBER in audience)
        or (operator and Audience.OPERATOR in audience)
        or (Audience.AUTHORITY in audience and plain in settings.MAIL.authorities)
        or any(
            one in audience and _checked(check, plain, at, using)
            for one, check in (
                (Audience.INVITED, settings.MAIL_INVITATION_CHECK),
                (Audience.SIGNING_UP, settings.MAIL_SIGN_UP_CHECK),
            )
        )
    ):
        raise RecipientRefusedError(RefusalReason.NOT_A_RECIPIENT)
    return Recipient(plain, user)


def _checked(name: str, address: str, at: datetime, using: str) -> bool:
    """Ask the function that a setting names; "" allows no address.

    Invitations and requests to sign up are in a package above this one.
    """
    if not name:
        return False
    check: AddressCheck = import_string(name)
    return check(address, at, using)
