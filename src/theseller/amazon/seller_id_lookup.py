"""Which seller Amazon names for an access token."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime, timedelta

from theseller.amazon.call_deadline import within
from theseller.amazon.decoders.transactions import decode_transactions
from theseller.amazon.spapi_client import SPAPIClient, Value
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret

#: By how much Amazon's data is late; the newest month, which is nearly always enough, and Amazon's
#: longest window.
_LAG = timedelta(minutes=3)
_WINDOWS = (timedelta(days=30), timedelta(days=179))
_SECONDS = 20.0
_PAGES = 3


def named_sellers(
    client: SPAPIClient,
    *,
    region: Region,
    selling_partner_id: str,
    access_token: Secret,
    at: datetime,
) -> frozenset[str]:
    """Return the sellers that Amazon names under `access_token`.

    In the newest transactions; none where there are no transactions. It takes at most twenty
    seconds and six calls, for the account `selling_partner_id` of the limiter.

    Raises:
        AmazonError: a call failed.

    Source: Finances API 2024-06-19, `sellingPartnerMetadata.sellingPartnerId`.
    """

    def ask(params: dict[str, Value]) -> bytes:
        return client.call(
            "listTransactions",
            region=region,
            selling_partner_id=selling_partner_id,
            access_token=access_token,
            at=at,
            params=params,
        ).body

    with within(_SECONDS):
        return named_in_transactions(ask, at=at)


def named_in_transactions(
    ask: Callable[[dict[str, Value]], bytes], *, at: datetime
) -> frozenset[str]:
    """Return the sellers that Amazon names in the newest transactions.

    None where there are no transactions.

    Args:
        ask: calls `listTransactions` with these parameters and returns the undecoded answer; called
            at most six times. Its errors are passed on.
        at: the current time.

    Raises:
        AmazonError: an answer can't be decoded.
    """
    until = at - _LAG
    for window in _WINDOWS:
        token: str | None = None
        for _ in range(_PAGES):
            params: dict[str, Value] = {"postedAfter": until - window, "postedBefore": until}
            page = decode_transactions(ask(params | ({"nextToken": token} if token else {})))
            if page.selling_partner_ids:
                return page.selling_partner_ids
            token = page.next_token
            if token is None:
                break
    return frozenset()
