"""Which seller Amazon names for an access token."""

from __future__ import annotations

from datetime import datetime, timedelta

from theseller.amazon.deadlines import within
from theseller.amazon.decoders.finances import decode_transactions
from theseller.amazon.spapi import SPAPIClient, Value
from theseller.lib.marketplaces import Region
from theseller.lib.secret import Secret

#: Amazon's longest window, and how far it lags behind.
_WINDOW, _LAG = timedelta(days=179), timedelta(minutes=3)
_SECONDS = 8.0
_PAGES = 3


def named_sellers(client: SPAPIClient, *, region: Region, selling_partner_id: str, access_token: Secret, at: datetime) -> frozenset[str]:
    """Return the sellers that Amazon names in the newest transactions under `access_token`; none where there are no transactions.

    Takes at most eight seconds and three calls, for the account `selling_partner_id` of the limiter. Raises AmazonError.

    Source: Finances API 2024-06-19, `sellingPartnerMetadata.sellingPartnerId`.
    """
    window: dict[str, Value] = {"postedAfter": at - _LAG - _WINDOW, "postedBefore": at - _LAG}
    token: str | None = None
    with within(_SECONDS):
        for _ in range(_PAGES):
            reply = client.call(
                "listTransactions",
                region=region,
                selling_partner_id=selling_partner_id,
                access_token=access_token,
                at=at,
                params=window | ({"nextToken": token} if token else {}),
            )
            page = decode_transactions(reply.body)
            if page.selling_partner_ids or page.next_token is None:
                return page.selling_partner_ids
            token = page.next_token
    return frozenset()
