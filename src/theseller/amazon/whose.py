"""Which seller Amazon names for an access token."""

from __future__ import annotations

from datetime import datetime, timedelta

from theseller.amazon.deadlines import within
from theseller.amazon.decoders.finances import decode_transactions
from theseller.amazon.spapi import SPAPIClient, Value
from theseller.lib.marketplaces import Region
from theseller.lib.secret import Secret

#: How far Amazon lags behind, then the newest month, which nearly always suffices, and Amazon's longest window.
_LAG = timedelta(minutes=3)
_WINDOWS = (timedelta(days=30), timedelta(days=179))
_SECONDS = 20.0
_PAGES = 3


def named_sellers(client: SPAPIClient, *, region: Region, selling_partner_id: str, access_token: Secret, at: datetime) -> frozenset[str]:
    """Return the sellers that Amazon names in the newest transactions under `access_token`; none where there are no transactions.

    Takes at most twenty seconds and six calls, for the account `selling_partner_id` of the limiter. Raises AmazonError.

    Source: Finances API 2024-06-19, `sellingPartnerMetadata.sellingPartnerId`.
    """
    until = at - _LAG
    with within(_SECONDS):
        for window in _WINDOWS:
            token: str | None = None
            for _ in range(_PAGES):
                params: dict[str, Value] = {"postedAfter": until - window, "postedBefore": until}
                reply = client.call(
                    "listTransactions",
                    region=region,
                    selling_partner_id=selling_partner_id,
                    access_token=access_token,
                    at=at,
                    params=params | ({"nextToken": token} if token else {}),
                )
                page = decode_transactions(reply.body)
                if page.selling_partner_ids:
                    return page.selling_partner_ids
                token = page.next_token
                if token is None:
                    break
    return frozenset()
