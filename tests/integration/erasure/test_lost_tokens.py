"""A backup from before a token's key was replaced is restored.

The connection stays open without its token, and its page says so.
"""

from __future__ import annotations

from collections.abc import Iterator

import psycopg
import pytest
from django.conf import settings
from tests.cast import Cast
from tests.conftest import as_role
from tests.database import test_server
from tests.operators import anonymous_client
from tests.sabotage.databases import own_database
from tests.sabotage.deployment import TOKEN, connect, put_product

from theseller.accounts.models import User
from theseller.connections import refresh_token_store
from theseller.connections.access_tokens import open_connection
from theseller.connections.connection_locks import ConnectionClosedError
from theseller.connections.queries import connection_view
from theseller.erasure.queries import due_connections
from theseller.erasure.replay import delete_tokens_without_key, replay_erasures
from theseller.lib import clock
from theseller.lib.marketplaces import Region
from theseller.lib.secret_type import Secret
from theseller.tenancy.tenant_scope import tenant_scope


@pytest.fixture(scope="module")
def database() -> Iterator[str]:
    """A replay looks at all that ended, so other tests' rows must not be there."""
    with own_database("lost_tokens") as name:
        yield name


def test_a_connection_that_lost_its_token_stays_open_and_needs_authorization(
    cast: Cast, database: str
) -> None:
    connection = connect(cast.alices_shop, cast.alice.id, Region.NA)
    put_product(cast.alices_shop, connection)
    with psycopg.connect(test_server().superuser_dsn(database), autocommit=True) as superuser:
        read = "select sealed, data_key_id from connections_refresh_token where connection_id = %s"
        of_backup = superuser.execute(read, [connection]).fetchone()
        assert of_backup is not None
        with as_role("worker"), tenant_scope(cast.alices_shop):
            former = refresh_token_store.reseal_token(cast.alices_shop, connection, at=clock.now())
        assert former == of_backup[1]
        settings.KEY_STORE.destroy(former)
        superuser.execute(
            "update connections_refresh_token set sealed = %s, data_key_id = %s where connection_id"
            " = %s",
            [*of_backup, connection],
        )

        with as_role("worker"):
            replay_erasures(at=clock.now())
            assert delete_tokens_without_key(at=clock.now()) == 1
            assert delete_tokens_without_key(at=clock.now()) == 0
            with (
                pytest.raises(ConnectionClosedError, match="no authorization"),
                open_connection(cast.alices_shop, connection, at=clock.now()) as opened,
            ):
                opened.access_token()
            with tenant_scope(cast.alices_shop):
                view = connection_view(connection)
            assert view is not None
            assert view.is_open, "a shop that only has to authorise again was ended"
            assert connection not in {one.id for one in due_connections(at=clock.now())}
        kept = superuser.execute(
            "select count(*) from ingest_product where connection_id = %s", [connection]
        ).fetchone()
        assert kept == (1,)
        result = superuser.execute("select count(*) from audit_event where tag ="
            " 'connections:token:lost' and subject = %s",
                                 [f"connection:{connection}"]).fetchone()  # fmt: skip
        assert result == (1,)

    client = anonymous_client()
    client.force_login(User.objects.get(pk=cast.alice.id))
    page = client.get("/connections/").content.decode()
    assert "nothing new is read until you authorize" in page
    with tenant_scope(cast.alices_shop):
        refresh_token_store.store_token(cast.alices_shop, connection, Secret(TOKEN), at=clock.now())
    assert "nothing new is read" not in client.get("/connections/").content.decode()
