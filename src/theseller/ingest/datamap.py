"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import BY_THE_WORKER, DataClass, Eraser

_FACTS = {
    "ingest_order_line": "Lines of orders: products, quantities, prices. No buyer, no recipient, no address.",
    "ingest_ledger_line": "Money lines as Amazon posted them.",
    "ingest_product": "The seller's products: SKU, ASIN, title.",
    "ingest_inventory": "Stock at Amazon now.",
    "ingest_traffic_day": "Sessions and page views per day.",
    "ingest_document": "Which documents became facts: type, period, hash, counts.",
}
_SPLIT = {"ingest_order_line", "ingest_ledger_line"}
for _table, _note in _FACTS.items():
    describe_table(
        _table,
        DataClass.SELLER_FACTS,
        retention="life-purge-30; 18 months",
        eraser=Eraser.DELETE_CONNECTION,
        tenant_column="tenant_id",
        connection_column="connection_id",
        partitions=f"{_table}_t" if _table in _SPLIT else None,
        note=_note,
    )
for _table, _note in {
    "ingest_plan": "For which authorization the streams were planned.",
    "ingest_stream": "Cursors: how far each stream is.",
    "ingest_bucket": "Token buckets of Amazon's rate limits.",
    "ingest_drift": "Paths of fields that this version does not know; never their values.",
}.items():
    describe_table(
        _table,
        DataClass.OPERATIONAL,
        retention="life-purge-30",
        eraser=Eraser.DELETE_CONNECTION,
        tenant_column="tenant_id",
        connection_column="connection_id",
        parents=("connections_connection",) if _table in {"ingest_plan", "ingest_stream"} else (),
        note=_note,
    )
describe_table(
    "ingest_dirty_day",
    DataClass.OPERATIONAL,
    retention="life-purge-30",
    eraser=Eraser.REBUILD,
    tenant_column="tenant_id",
    note="Days whose rollups are to be made again.",
)
for _table in ("procrastinate_jobs", "procrastinate_events", "procrastinate_periodic_defers", "procrastinate_workers"):
    describe_table(
        _table,
        DataClass.OPERATIONAL,
        retention="until done",
        eraser=Eraser.EXPIRY,
        expired_by=BY_THE_WORKER,
        note="The job queue: names and ids, no payloads.",
    )
