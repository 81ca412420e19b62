"""Section 2: what a seller authorises, and takes back."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from tests.sabotage.deployment import TOKEN
from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.crypto.keys import Purpose
from theseller.crypto.place import Place
from theseller.crypto.sealed import seal
from theseller.lib.secret import Secret

sql(
    "auth-minimum-roles",
    "records one role more for a connection than its features need",
    "update connections_connection set roles = array_append(roles, 'Pricing') where id = '{open}'",
    "update connections_connection set roles = array_remove(roles, 'Pricing') where id = '{open}'",
)
sql(
    "auth-minimum-roles",
    "shows a consent page that asks for a role too many",
    "update connections_attempt set roles = array_append(roles, 'Brand Analytics') where tenant_id = '{alice}'",
    "update connections_attempt set roles = array_remove(roles, 'Brand Analytics') where tenant_id = '{alice}'",
)


@breaks("auth-revoke-anytime", "stores a token for a connection that has ended", also=("pii-delete-on-disconnect",))
def _token_again(tools: Tools) -> Iterator[None]:
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{tools.deployment.ended}")
    shop, ended = tools.deployment.cast.charlies_shop, tools.deployment.ended
    place = Place(shop, "connections_refresh_token", "sealed", str(ended), Purpose.REFRESH_TOKEN, settings.ENVIRONMENT.kind.value)
    tools.superuser.execute(
        "insert into connections_refresh_token (tenant_id, connection_id, sealed, data_key_id, sealed_at) values (%s, %s, %s, %s, now())",
        [shop, ended, seal(key, place, Secret(TOKEN)), key.id],
    )
    yield
    tools.superuser.execute("delete from connections_refresh_token where connection_id = %s", [tools.deployment.ended])
    settings.KEY_STORE.destroy(key.id)


@breaks("auth-revoke-anytime", "makes a new key for a connection that has ended", also=("pii-delete-on-disconnect",))
def _key_again(tools: Tools) -> Iterator[None]:
    key = settings.KEY_STORE.create(Purpose.REFRESH_TOKEN, f"connection:{tools.deployment.ended}")
    yield
    settings.KEY_STORE.destroy(key.id)
