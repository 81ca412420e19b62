"""Verify with Amazon which seller a connection belongs to.

The browser that returns from the consent page can name any seller. Each transaction of the Finances
API names the selling partner whose money it is, so a new authorization requests one. If there is
none (new account, no finance role) the connection stays unconfirmed: it reads nothing and checks
again until the first transaction decides. A confirmation (`seller_confirmed_at`) survives a
renewal, as the data does that was read under it.

Source: Finances API 2024-06-19, `sellingPartnerMetadata.sellingPartnerId`.
"""

from __future__ import annotations

from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.conf import settings

from theseller.amazon.errors import AmazonError
from theseller.amazon.seller_id_lookup import named_sellers
from theseller.amazon.spapi_client import SPAPIClient
from theseller.amazon.throttle import InMemoryLimiter
from theseller.audit.event_types import Tag
from theseller.audit.operations import record
from theseller.connections.http_and_lwa_clients import amazon_http
from theseller.connections.models import Connection
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret
from theseller.lib.structured_logging import getLogger

log = getLogger(__name__)


class SellerCheck(StrEnum):
    """Whether Amazon's responses confirm the seller that the browser named."""

    CONFIRMED = "confirmed"
    MISMATCH = "mismatch"


def compare_sellers(named: Collection[str], selling_partner_id: str) -> SellerCheck | None:
    """Compare the sellers in a response with `selling_partner_id`.

    Returns None if the response names no seller.
    """
    if not named:
        return None
    return SellerCheck.CONFIRMED if set(named) == {selling_partner_id} else SellerCheck.MISMATCH


def check_seller_at_amazon(
    selling_partner_id: str, access_token: Secret, region: Region, *, at: datetime
) -> SellerCheck | None:
    """Request a transaction under `access_token` and compare its seller.

    Returns None if no transaction names a seller, or if Amazon does not answer.
    """
    client = SPAPIClient(
        settings.AMAZON_ENDPOINTS,
        amazon_http(),
        InMemoryLimiter(),
        application=settings.ENVIRONMENT.application_id,
    )
    try:
        named = named_sellers(
            client,
            region=region,
            selling_partner_id=selling_partner_id,
            access_token=access_token,
            at=at,
        )
    except AmazonError as error:
        log.info("seller_check_deferred", reason=str(error))
        return None
    return compare_sellers(named, selling_partner_id)


def record_check(check: SellerCheck, *, connection: UUID, tenant: UUID, at: datetime) -> None:
    """Store the result of the check and add it to the audit log.

    Runs inside the caller's tenant scope.
    """
    changed = (
        Connection.objects.filter(tenant_id=tenant, id=connection)
        .exclude(seller_check=check.value)
        .update(seller_check=check.value, seller_checked_at=at)
    )
    if changed:
        tag = (
            Tag.CONNECTION_SELLER_CONFIRMED
            if check is SellerCheck.CONFIRMED
            else Tag.CONNECTION_SELLER_MISMATCH
        )
        record(
            tag,
            actor="amazon:transactions",
            tenant=tenant,
            subject=f"connection:{connection}",
            at=at,
        )
