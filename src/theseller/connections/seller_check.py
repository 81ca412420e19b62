"""Whose connection it is, by Amazon's own word: the browser that comes back from the consent can name any seller.

Each transaction of the Finances API names the selling partner whose money it is. An authorization is asked for one at once; where it has
none (a new account, no finance role), the connection stays unconfirmed: its streams read nothing and ask again now and then, until the
first transaction decides. What once was confirmed (`seller_confirmed_at`) outlives a renewal, as the data does that was read under it.

Source: Finances API 2024-06-19, `sellingPartnerMetadata.sellingPartnerId`.
"""

from __future__ import annotations

import logging
from collections.abc import Collection
from datetime import datetime
from enum import StrEnum
from uuid import UUID

from django.conf import settings

from theseller.amazon.errors import AmazonError
from theseller.amazon.seller_identity import named_sellers
from theseller.amazon.spapi import SPAPIClient
from theseller.amazon.throttle import InMemoryLimiter
from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.connections.amazon_clients import amazon_http
from theseller.connections.models import Connection
from theseller.lib.marketplaces import Region
from theseller.lib.secret import Secret

log = logging.getLogger(__name__)


class SellerCheck(StrEnum):
    """What Amazon's answers say of the seller that the browser named; none of both while they have said nothing."""

    CONFIRMED = "confirmed"
    MISMATCH = "mismatch"


def compare_sellers(named: Collection[str], selling_partner_id: str) -> SellerCheck | None:
    """Return what the sellers that an answer names say of `selling_partner_id`; None if it names none."""
    if not named:
        return None
    return SellerCheck.CONFIRMED if set(named) == {selling_partner_id} else SellerCheck.MISMATCH


def check_seller_at_amazon(selling_partner_id: str, access_token: Secret, region: Region, *, at: datetime) -> SellerCheck | None:
    """Ask Amazon for a transaction under `access_token` and compare; None if none names a seller, or Amazon does not answer that."""
    client = SPAPIClient(settings.AMAZON_ENDPOINTS, amazon_http(), InMemoryLimiter(), application=settings.ENVIRONMENT.application_id)
    try:
        named = named_sellers(client, region=region, selling_partner_id=selling_partner_id, access_token=access_token, at=at)
    except AmazonError as error:
        log.info("whose authorization it is will be seen later: %s", error)
        return None
    return compare_sellers(named, selling_partner_id)


def record_check(check: SellerCheck, *, connection: UUID, tenant: UUID, at: datetime) -> None:
    """Store what Amazon's answer says of a connection, with a line in the audit log, inside the caller's tenant scope."""
    changed = (
        Connection.objects.filter(tenant_id=tenant, id=connection)
        .exclude(seller_check=check.value)
        .update(seller_check=check.value, seller_checked_at=at)
    )
    if changed:
        tag = Tag.CONNECTION_SELLER_CONFIRMED if check is SellerCheck.CONFIRMED else Tag.CONNECTION_SELLER_MISMATCH
        record(tag, actor="amazon:transactions", tenant=tenant, subject=f"connection:{connection}", at=at)
