"""Lock a user's account and request its erasure."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.db import connections as databases
from django.db import transaction

from theseller.accounts.operations import disable_sign_in
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.edge.database_routing import accounts_database
from theseller.erasure.certificate_links import new_link
from theseller.erasure.user_erasure import request_user_erasure
from theseller.lib import sql_execution
from theseller.lib.secret_type import Secret
from theseller.privacy.account_deletion.queries import is_last_operator, solely_owned_shops
from theseller.privacy.account_deletion.types import AccountDeletionRefusedError


def delete_account(*, person: UUID, at: datetime) -> Secret:
    """Lock the account in every browser and request its erasure.

    Everything about the person is erased. A second call is harmless, and returns one more link.

    Returns:
        The token of the link to the erasure certificate.

    Raises:
        AccountDeletionRefusedError: a shop would be left without an owner, or the deployment
            without an operator. Nothing has been changed.
    """
    # Two owners who leave at the same moment would each see the other: one after the other, then.
    with transaction.atomic(using=accounts_database()):
        sql_execution.execute(
            databases[accounts_database()],
            "select pg_advisory_xact_lock(hashtextextended('account-ends', 0))",
        )
        if shops := solely_owned_shops(person):
            names = ", ".join(name for _, name in shops)
            raise AccountDeletionRefusedError(
                f"You are the only owner of {names}. Make another member an owner, or delete the"
                " shop, first."
            )
        if is_last_operator(person):
            raise AccountDeletionRefusedError(
                "You are the last operator of this service. Add another operator first."
            )
        disable_sign_in(person=person)
        link = new_link(at=at)
        if request_user_erasure(identity=person, link=link, at=at):
            subject = f"user:{person}"
            record(
                Tag.ACCOUNT_END_INTENDED,
                actor=subject,
                tenant=None,
                subject=subject,
                at=at,
                using=accounts_database(),
            )
        return link.token
