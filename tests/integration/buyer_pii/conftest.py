"""A shop whose owner turned packing slips on, in a deployment that has the restricted role.

No test here calls Amazon.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID

import psycopg
import pytest
from django.conf import settings
from django.db import connections as databases
from django.test import override_settings
from tests.cast import NOON, Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.integration.deployment import Deployment, deployment

from theseller.amazon.roles import RestrictedRole
from theseller.buyer_pii.operations import enable_packing_slips
from theseller.buyer_pii.store_recipient import store_recipient
from theseller.buyer_pii.types import Gift, Recipient
from theseller.connections import refresh_token_store as tokens
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

US = "ATVPDKIKX0DER"
CANARY = "CNRYVAULTABCDEFGHIJKLM23"
RECIPIENT = Recipient(
    (f"{CANARY} Miller", "1 Canary Row"),
    "US",
    f"+1 555 {CANARY}",
    (Gift("1", f"For you, {CANARY}"),),
    NOON,
)


@dataclass(frozen=True, slots=True)
class Shop:
    """Alice's shop with one open connection and merchant-fulfilled orders."""

    cast: Cast
    connection: UUID
    database: str

    @property
    def tenant(self) -> UUID:
        return self.cast.alices_shop

    def keep(
        self,
        order: str,
        *,
        shipped_at: datetime | None = None,
        at: datetime = NOON,
    ) -> Any:  # noqa: ANN401
        """Keep a recipient as the worker does once Amazon has answered."""
        with as_role("worker"):
            return store_recipient(
                RECIPIENT,
                order=order,
                connection=self.connection,
                shipped_at=shipped_at,
                tenant=self.tenant,
                actor="process:vault",
                at=at,
            )

    def rows(self, sql: str, *parameters: object) -> list[Any]:
        """Ask as the superuser, who sees everything that is stored."""
        with psycopg.connect(
            test_server().superuser_dsn(self.database), autocommit=True
        ) as superuser:
            cursor = superuser.execute(sql, parameters)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture(scope="module")
def deployed() -> Iterator[Deployment]:
    """A deployment of its own, for kills."""
    with deployment() as built:
        yield built


@pytest.fixture
def role() -> Iterator[None]:
    """Let the operator's application hold the role."""
    environment = replace(
        settings.ENVIRONMENT, restricted_roles=(RestrictedRole.DIRECT_TO_CONSUMER_SHIPPING,)
    )
    with override_settings(ENVIRONMENT=environment):
        yield


@pytest.fixture
def shop(role: None, cast: Cast, database: str) -> Shop:
    made = Shop(cast, connect(cast.alices_shop), database)
    enable_packing_slips(
        connection=made.connection, tenant=made.tenant, actor=cast.alice.actor, at=NOON
    )
    return made


def connect(tenant: UUID) -> UUID:
    """Open a connection as the callback does, its token sealed."""
    connection = new_id()
    with tenant_scope(tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
            " marketplace_ids, features, roles, created_at, authorised_at, seller_check,"
            " seller_checked_at) values (%s, %s, 'lwa', 'na', 'A2VAULT', %s, '{}', '{}', %s, %s,"
            " 'confirmed', %s)",
            [tenant, connection, [US], NOON, NOON, NOON],
        )
        tokens.store_token(tenant, connection, Secret("Atzr|an-unused-token"), at=NOON)
    return connection


def sell(
    shop: Shop,
    order: str,
    *,
    fulfilment: str = "merchant",
    status: str = "unshipped",
    at: datetime = NOON,
) -> None:
    with tenant_scope(shop.tenant), databases["default"].cursor() as cursor:
        cursor.execute(
            "insert into ingest_order_line (tenant_id, local_day, order_id, line_key,"
            " connection_id, marketplace_id, purchased_at, last_updated_at, status, fulfilment,"
            " is_business, is_replacement, sku, asin, quantity, source) values (%s, %s, %s, '1',"
            " %s, %s, %s, %s, %s, %s, false, false, 'BRUSH-1', 'B0BRUSH001', 2, 'orders_api')",
            [
                shop.tenant,
                (at - timedelta(days=1)).date(),
                order,
                shop.connection,
                US,
                at - timedelta(days=1),
                at,
                status,
                fulfilment,
            ],
        )
