"""Section 1 of the security page: what the data is used for."""

from __future__ import annotations

from collections.abc import Iterator

from tests.sabotage.saboteurs import Tools, breaks, sql, with_operation

from theseller.amazon.spapi_operations import Operation


@breaks("aup-no-training", "installs a library that trains models")
def _library(tools: Tools) -> Iterator[None]:
    info = tools.folder / "torch-9.9.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: torch\nVersion: 9.9\n")
    tools.patch.syspath_prepend(str(tools.folder))
    yield


@breaks("aup-no-buyer-contact", "allows an operation that feeds messages to Amazon")
def _feeds(tools: Tools) -> Iterator[None]:
    with_operation(
        tools, Operation("createFeed", "POST", "/feeds/2021-06-30/feeds", 1, 1, frozenset())
    )
    yield


sql(
    "aup-purpose",
    "pulls a stream that no feature of this version needs",
    "insert into ingest_stream (tenant_id, connection_id, name, due_at) values ('{alice}',"
    " '{open}', 'messages', now() + interval '1 day')",
    "delete from ingest_stream where name = 'messages'",
)
sql(
    "aup-purpose",
    "pulls from Amazon for a connection that was made of files",
    "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
    " marketplace_ids, features, roles, created_at) values ('{charlie}', '{new}', 'files', 'eu',"
    " '', '{{}}', '{{}}', '{{}}', now());insert into ingest_stream (tenant_id, connection_id, name,"
    " due_at) values ('{charlie}', '{new}', 'orders', now() + interval '1 day')",
    "delete from ingest_stream where connection_id = '{new}'; delete from connections_connection"
    " where id = '{new}'",
)
