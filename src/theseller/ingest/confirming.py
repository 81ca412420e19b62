"""Ask Amazon whose connection it is before its streams read anything, where no answer has named the seller yet."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from theseller.amazon.errors import OtherSellerError, SellerUnconfirmedError
from theseller.amazon.spapi import Value
from theseller.amazon.whose import named_in_transactions
from theseller.connections.seller import SellerCheck, check_of, note_check
from theseller.connections.sessions import open_connection
from theseller.connections.types import ConnectionView
from theseller.ingest import leases
from theseller.ingest.calling import CONFIRMS_SELLER
from theseller.ingest.pull import Pull


def confirm_seller(pull: Pull) -> ConnectionView:
    """Have Amazon name the seller of the connection; store the answer and return the connection as it is then.

    The other streams of the connection that wait for it become due.

    Raises:
        SellerUnconfirmedError: the newest transactions name no seller, or there are none.
        OtherSellerError: they name another seller.
        AmazonError, ConnectionClosedError: as for any call.
    """
    named = named_in_transactions(partial(_ask, pull), at=pull.at)
    check = check_of(named, pull.view.selling_partner_id)
    if check is None:
        raise SellerUnconfirmedError(CONFIRMS_SELLER)
    if check is SellerCheck.MISMATCH:
        raise OtherSellerError(CONFIRMS_SELLER)
    _note(pull, check, at=pull.now())
    return replace(pull.view, seller_check=check.value)


def _ask(pull: Pull, params: dict[str, Value]) -> bytes:
    return pull.ask(CONFIRMS_SELLER, params=params)


def _note(pull: Pull, check: SellerCheck, *, at: datetime) -> None:
    with open_connection(pull.tenant, pull.connection, at=at):
        leases.wake_unconfirmed(pull.lease.key, at=at)
        note_check(check, connection=pull.connection, tenant=pull.tenant, at=at)
