"""Confirmation of a connection's seller before its streams read anything.

It asks Amazon, where no answer has named the seller yet.
"""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime
from functools import partial

from theseller.amazon.errors import OtherSellerError, SellerUnconfirmedError
from theseller.amazon.seller_id_lookup import named_in_transactions
from theseller.amazon.spapi_client import Value
from theseller.connections.access_tokens import open_connection
from theseller.connections.seller_check import SellerCheck, compare_sellers, record_check
from theseller.connections.types import ConnectionView
from theseller.ingest.sync import stream_state
from theseller.ingest.sync.rate_limited_client import CONFIRMS_SELLER
from theseller.ingest.sync.sync_step import SyncStep


def confirm_seller(step: SyncStep) -> ConnectionView:
    """Have Amazon name the seller of the connection.

    The answer is stored, and the connection is returned as it is then.

    The other streams of the connection that wait for it become due.

    Raises:
        SellerUnconfirmedError: the newest transactions name no seller, or there are none.
        OtherSellerError: they name another seller.
        AmazonError, ConnectionClosedError: as for any call.
    """
    named = named_in_transactions(partial(_ask, step), at=step.at)
    check = compare_sellers(named, step.view.selling_partner_id)
    if check is None:
        raise SellerUnconfirmedError(CONFIRMS_SELLER)
    if check is SellerCheck.MISMATCH:
        raise OtherSellerError(CONFIRMS_SELLER)
    _note(step, check, at=step.now())
    return replace(step.view, seller_check=check.value)


def _ask(step: SyncStep, params: dict[str, Value]) -> bytes:
    return step.call(CONFIRMS_SELLER, params=params)


def _note(step: SyncStep, check: SellerCheck, *, at: datetime) -> None:
    with open_connection(step.tenant, step.connection, at=at):
        stream_state.wake_unconfirmed(step.lease.key, at=at)
        record_check(check, connection=step.connection, tenant=step.tenant, at=at)
