"""Section 6: what happens after a shop disconnects."""

from __future__ import annotations

import json
from collections.abc import Iterator
from datetime import timedelta

from django.conf import settings
from tests.sabotage.saboteurs import Tools, breaks, sql

from theseller.lib import clock

sql(
    "life-token-now",
    "lets a stream try to call for a connection that has ended",
    "update ingest_stream set last_attempt_at = now() + interval '1 second' where connection_id ="
    " '{ended}'",
    "update ingest_stream set last_attempt_at = due_at where connection_id = '{ended}'",
)
sql(
    "life-token-now",
    "grants a call for a connection that has ended",
    "insert into ingest_bucket (tenant_id, key, connection_id, tokens, rate, burst, updated_at)"
    " values ('{charlie}', 'sabotage', '{ended}', 1, 1, 1, now() + interval '1 second')",
    "delete from ingest_bucket where key = 'sabotage'",
)


@breaks("life-token-now", "lets a token's key live three hours longer")
def _late_key(tools: Tools) -> Iterator[None]:
    row = tools.superuser.execute(
        "select data_key_id from connections_disconnection where connection_id = %s",
        [tools.deployment.ended],
    ).fetchone()
    assert row is not None
    tombstone = settings.ENVIRONMENT.state / "keys" / "destroyed" / f"{row[0]}.json"
    before = tombstone.read_bytes()
    fields = json.loads(before)
    fields["destroyed_at"] = (clock.now() + timedelta(hours=3)).isoformat()
    tombstone.write_text(json.dumps(fields))
    yield
    tombstone.write_bytes(before)


sql(
    "life-purge-30",
    "leaves a row of a connection that is certified as erased",
    "insert into ingest_product (tenant_id, marketplace_id, sku, connection_id, asin, title,"
    " updated_at) values ('{alice}', 'A1PA6795UKMFR9', 'LEFT', '{certified}', 'B0BRUSH001',"
    " 'Brush', now())",
    "delete from ingest_product where sku = 'LEFT'",
    also=("pii-delete-on-disconnect",),
)
sql(
    "life-purge-30",
    "leaves a derived row of a store that only an erased connection fed",
    "insert into ingest_dirty_day (tenant_id, marketplace_id, local_day, marked_at)"
    " values ('{alice}', 'A1PA6795UKMFR9', '2026-11-01', now())",
    "delete from ingest_dirty_day where tenant_id = '{alice}'",
    also=("pii-delete-on-disconnect",),
)
sql(
    "life-purge-30",
    "loses the record of a connection that ended 31 days ago",
    "insert into connections_connection (tenant_id, id, origin, region, selling_partner_id,"
    " marketplace_ids, features, roles, created_at) values ('{charlie}', '{new}', 'files', 'eu',"
    " '', '{{}}', '{{}}', '{{}}', now());insert into connections_disconnection (tenant_id,"
    " connection_id, reason, actor, at) values ('{charlie}', '{new}', 'seller_request',"
    " 'process:test', now() - interval '31 days')",
    "delete from connections_disconnection where connection_id = '{new}'; delete from"
    " connections_connection where id = '{new}';set session_replication_role = replica; delete from"
    " governance_deletion_request where '{new}' = any (connections);set session_replication_role ="
    " origin",
    also=("aup-deletion-requests", "pii-delete-on-disconnect"),
)
sql(
    "life-purge-30",
    "skips the rewriting of what an erasure touched",
    "update erasure_erasure set rewritten = jsonb_build_object('kept', rewritten) where"
    " subject_id = '{certified}'",
    "update erasure_erasure set rewritten = rewritten -> 'kept' where subject_id = '{certified}'",
)
sql(
    "life-purge-30",
    "certifies before the erasure is complete",
    "update erasure_certificate set issued_at = issued_at - interval '1 hour' where subject_id"
    " = '{certified}'",
    "update erasure_certificate set issued_at = issued_at + interval '1 hour' where subject_id"
    " = '{certified}'",
)
