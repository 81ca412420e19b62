"""Section 5: places that nobody has registered, where anything could rest."""

from __future__ import annotations

from collections.abc import Iterator

from django.conf import settings
from tests.sabotage.saboteurs import Tools, breaks, sql

sql(
    "pii-strip",
    "keeps a materialised view of products that no data map knows",
    "create materialized view sabotage_copy as select sku from ingest_product",
    "drop materialized view sabotage_copy",
    # It is a window through row security as well, and an object that nobody reviewed.
    also=("cred-least-privilege", "net-tenant-isolation"),
)
sql(
    "pii-strip",
    "makes an unlogged table in a schema of its own",
    "create schema sabotage; create unlogged table sabotage.aside (note int)",
    "drop schema sabotage cascade",
)


@breaks("pii-strip", "puts a folder into the state folder that nobody has registered")
def _folder(tools: Tools) -> Iterator[None]:
    del tools
    path = settings.ENVIRONMENT.state / "exports"
    path.mkdir()
    yield
    path.rmdir()
