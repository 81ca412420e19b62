"""Section 2: what a seller authorises, and takes back."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from django.conf import settings
from django.test import override_settings
from tests.sabotage.deployment import TOKEN
from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.amazon.roles import Role
from theseller.connections import requested_roles as review_module
from theseller.controls.catalogue import auth_minimum_roles
from theseller.crypto.encryption_context import EncryptionContext
from theseller.crypto.key_types import Purpose
from theseller.crypto.seal_value import seal
from theseller.lib.secret_type import Secret

sql(
    "auth-minimum-roles",
    "records one role more for a connection than its features need",
    "update connections_connection set roles = array_append(roles, 'Pricing') where id = '{open}'",
    "update connections_connection set roles = array_remove(roles, 'Pricing') where id = '{open}'",
)
sql(
    "auth-minimum-roles",
    "shows a consent page that asks for a role too many",
    "update connections_attempt set roles = array_append(roles, 'Pricing') where tenant_id"
    " = '{alice}'",
    "update connections_attempt set roles = array_remove(roles, 'Pricing') where tenant_id"
    " = '{alice}'",
)


@breaks(
    "auth-revoke-anytime",
    "stores a token for a connection that has ended",
    also=("pii-delete-on-disconnect",),
)
def _token_again(tools: Tools) -> Iterator[None]:
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{tools.deployment.ended}")
    shop, ended = tools.deployment.cast.charlies_shop, tools.deployment.ended
    place = EncryptionContext(
        shop,
        "connections_refresh_token",
        "sealed",
        str(ended),
        Purpose.REFRESH_TOKEN,
        settings.ENVIRONMENT.kind.value,
    )
    tools.superuser.execute(
        "insert into connections_refresh_token (tenant_id, connection_id, sealed, data_key_id,"
        " sealed_at) values (%s, %s, %s, %s, now())",
        [shop, ended, seal(key, place, Secret(TOKEN)), key.id],
    )
    yield
    tools.superuser.execute(
        "delete from connections_refresh_token where connection_id = %s", [tools.deployment.ended]
    )
    settings.KEY_STORE.destroy(key.id)


@breaks(
    "auth-revoke-anytime",
    "makes a new key for a connection that has ended",
    also=("pii-delete-on-disconnect",),
)
def _key_again(tools: Tools) -> Iterator[None]:
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{tools.deployment.ended}")
    yield
    settings.KEY_STORE.destroy(key.id)


@breaks("auth-minimum-roles", "registers the application for a role that no feature needs")
def _registered(tools: Tools) -> Iterator[None]:
    del tools
    more = (*settings.ENVIRONMENT.application_roles, Role.PRICING)
    with override_settings(ENVIRONMENT=replace(settings.ENVIRONMENT, application_roles=more)):
        yield


@breaks("auth-minimum-roles", "leaves the restricted role off the consent page")
def _left_off(tools: Tools) -> Iterator[None]:
    def review(features: list[str], marketplace: str) -> dict[str, Any]:
        shown = full(features, marketplace)
        return {**shown, "roles": [one for one in shown["roles"] if not one.restricted]}

    full = review_module.review_context
    tools.patch.setattr(auth_minimum_roles, "review_context", review)
    yield


@breaks("auth-minimum-roles", "draws the consent page without its list of roles")
def _no_list(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(auth_minimum_roles, "TEMPLATE", "connections/refused.html")
    yield
