"""Fills a fresh deployment with two shops.

Alice's and Charlie's, an open connection and an authenticator app of each, a certificate key.

Run in the web's role, Django being ready; writes `people.json` into the state folder for the
traffic and the tests.
"""

from __future__ import annotations

import json

from django.conf import settings
from django.db import connections as databases
from tests.cast import create_cast
from tests.operators import enroll_app

from theseller.connections import refresh_token_store
from theseller.crypto.key_types import Purpose
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope

TOKEN = "Atzr|" + "IwEBIrotation" * 8


def main() -> None:
    at = clock.now()
    cast = create_cast(at=at)
    found = []
    for tenant, person in ((cast.alices_shop, cast.alice), (cast.charlies_shop, cast.charlie)):
        connection = new_id()
        with tenant_scope(tenant), databases["default"].cursor() as cursor:
            cursor.execute(
                "insert into connections_connection (tenant_id, id, origin, region,"
                " selling_partner_id, marketplace_ids, features, roles, created_at, authorised_at,"
                " authorisation_expires_at) values (%s, %s, 'lwa', 'na', 'A2ROTATION', %s, '{}',"
                " '{}', %s, %s, %s)",
                [tenant, connection, ["ATVPDKIKX0DER"], at, at, at],
            )
            refresh_token_store.store_token(tenant, connection, Secret(TOKEN), at=at)
        app = enroll_app(person.id, at).reveal()
        found.append(
            {
                "tenant": str(tenant),
                "connection": str(connection),
                "person": str(person.id),
                "app": app,
            }
        )
    settings.KEY_STORE.create(Purpose.SIGNING, "certificates")
    (settings.ENVIRONMENT.state / "people.json").write_text(json.dumps(found))


if __name__ == "__main__":
    main()
