"""Section 5: erasures are complete, on time, and final."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta

from django.conf import settings
from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.controls.catalogue import life_purge_30, pii_delete_on_disconnect
from theseller.crypto.key_types import Purpose
from theseller.datamap.table_registry import descriptors
from theseller.datamap.types import Eraser
from theseller.lib import clock
from theseller.lib.ids import new_id_at

CONTROL = "pii-delete-on-disconnect"

sql(
    CONTROL,
    "brings a shop back that is erased, without anything of it",
    "insert into tenancy_tenant (id, name, created_at) values ('{doras_shop}', 'Dora''s shop',"
    " now())",
    "delete from tenancy_tenant where id = '{doras_shop}'",
)
sql(
    CONTROL,
    "brings an account back that ended with its shop",
    "insert into accounts_user (id, email, name, password, joined_at) values ('{dora}',"
    " 'dora@example.com', 'Dora', '', now())",
    "delete from accounts_user where id = '{dora}'",
)
sql(
    CONTROL,
    "lets a shop that its owner ended stand for 31 days",
    "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at, requested_by)"
    " values ('{new}', '{new}', 'shop', now() - interval '31 days', 'process:test')",
    "delete from erasure_erasure where subject_id = '{new}'",
)
sql(
    CONTROL,
    "keeps an account for 31 days after its last shop",
    "insert into erasure_erasure (tenant_id, subject_id, kind, requested_at)"
    " values ('{new}', '{new}', 'person', now() - interval '31 days')",
    "delete from erasure_erasure where subject_id = '{new}'",
)
sql(
    CONTROL,
    "opens a connection again that was erased",
    "create temp table reopened as select * from connections_disconnection where connection_id ="
    " '{certified}';delete from connections_disconnection where connection_id = '{certified}'",
    "insert into connections_disconnection select * from reopened; drop table reopened",
    blinds=("life-purge-30",),  # It was the one connection with a certificate.
)
sql(
    CONTROL,
    "loses the certificate of a connection whose shop was deleted",
    "create temp table lost as select * from erasure_certificate where tenant_id ="
    " '{doras_shop}' and kind = 'connection';delete from erasure_certificate where tenant_id ="
    " '{doras_shop}' and kind = 'connection'",
    "insert into erasure_certificate select * from lost; drop table lost",
    also=("aup-deletion-requests",),
)


@breaks(
    CONTROL,
    "says in the data map that products end by age alone, and leaves one of an erased connection",
)
def _claimed(tools: Tools) -> Iterator[None]:
    reduced = tuple(
        (
            replace(one, eraser=Eraser.EXPIRY, expired_by="retention.delete_expired_facts")
            if one.table == "ingest_product"
            else one
        )
        for one in descriptors()
    )
    for module in (life_purge_30, pii_delete_on_disconnect):
        tools.patch.setattr(module, "descriptors", lambda: reduced)
    tools.superuser.execute(
        "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
        " updated_at) values (%s, 'A1PA6795UKMFR9', 'CLAIMED', %s, 'B0BRUSH001', 'Brush', now())",
        [tools.deployment.cast.alices_shop, tools.deployment.certified],
    )
    yield
    tools.superuser.execute("delete from ingest_product where sku = 'CLAIMED'")


@breaks(CONTROL, "keeps a key of a connection whose shop was deleted")
def _second_key(tools: Tools) -> Iterator[None]:
    (deleted,) = tools.superuser.execute(
        "select subject_id from erasure_certificate where tenant_id = %s and kind = 'connection'",
        [tools.deployment.doras_shop],
    ).fetchone() or (None,)
    made = settings.KEY_STORE.create(Purpose.PII, f"connection:{deleted}")
    yield
    settings.KEY_STORE.destroy(made.id)


@breaks(CONTROL, "lets the program's own limit for a backup grow to 120 days")
def _raised(tools: Tools) -> Iterator[None]:
    tools.patch.setattr(pii_delete_on_disconnect, "BACKUP_DAYS", 120)
    yield


@breaks(CONTROL, "keeps a backup's key for 30 days", also=("bak-cap",))
def _old_backup(_tools: Tools) -> Iterator[None]:
    made = settings.KEY_STORE.create(
        Purpose.BACKUP, f"backup:{new_id_at(clock.now() - timedelta(days=30))}"
    )
    yield
    settings.KEY_STORE.destroy(made.id)
