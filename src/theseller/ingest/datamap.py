"""Table descriptors of `ingest` for the data map.

They say what each table stores, for how long, and who may use it.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import BY_THE_WORKER, CrossTenantFunction, DataClass, Eraser

describe_table(
    "ingest_order_line",
    DataClass.SELLER_FACTS,
    note="Lines of orders: products, quantities, prices. No buyer, no recipient, no address.",
    columns=(
        "tenant_id local_day order_id line_key connection_id marketplace_id "
        "purchased_at last_updated_at status fulfilment is_business is_replacement sku "
        "asin quantity quantity_shipped currency item_price item_tax shipping_price "
        "gift_wrap_price promotion_discount source replacement_stated carried_at"
    ),
    indexes="_pkey _order",
    tenant_column="tenant_id",
    connection_column="connection_id",
    partitions="ingest_order_line_t",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="local_day",
    inventory_category="orders",
    functions=(
        CrossTenantFunction(
            "tenants_with_expired_facts(date, timestamptz, int)", ("worker", "probe")
        ),
    ),
)
describe_table(
    "ingest_ledger_line",
    DataClass.SELLER_FACTS,
    note="Money lines as Amazon posted them.",
    columns=(
        "tenant_id local_day source source_key source_line connection_id marketplace_id "
        "posted_at state kind transaction_type breakdown currency amount quantity "
        "order_id sku asin supersedes settlement_id group_id store_named matures_at"
    ),
    indexes="_pkey _source _supersedes _order _group _settlement _unnamed",
    tenant_column="tenant_id",
    connection_column="connection_id",
    partitions="ingest_ledger_line_t",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="local_day",
    inventory_category="money",
)
describe_table(
    "ingest_product",
    DataClass.SELLER_FACTS,
    note="The seller's products: SKU, ASIN, title.",
    columns="tenant_id marketplace_id sku connection_id asin title updated_at",
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="updated_at",
    inventory_category="products",
    grants=(
        ("directory", "select (tenant_id, updated_at)"),
        ("probe", "select (tenant_id, connection_id, marketplace_id)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "ingest_inventory",
    DataClass.SELLER_FACTS,
    note="Stock at Amazon now.",
    columns=(
        "tenant_id marketplace_id sku condition connection_id asin fnsku fulfillable inbound"
        " reserved unfulfillable total as_of"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="as_of",
    inventory_category="stock",
    grants=(
        ("directory", "select (tenant_id, as_of)"),
        ("probe", "select (tenant_id, connection_id, marketplace_id)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "ingest_traffic_day",
    DataClass.SELLER_FACTS,
    note="Sessions and page views per day.",
    columns=(
        "tenant_id marketplace_id local_day asin connection_id sessions page_views units_ordered"
        " ordered_sales currency buy_box_percent"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="local_day",
    inventory_category="traffic",
    grants=(
        ("directory", "select (tenant_id, local_day)"),
        ("probe", "select (tenant_id, connection_id, marketplace_id)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "ingest_return",
    DataClass.SELLER_FACTS,
    note="Units that customers returned: order, product, reason, condition. No comment, no label.",
    columns=(
        "tenant_id returned_at order_id sku fnsku occurrence connection_id marketplace_id "
        "local_day asin quantity fulfillment_center disposition reason status"
    ),
    indexes="_pkey _day",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="local_day",
    inventory_category="orders",
    grants=(
        ("directory", "select (tenant_id, local_day)"),
        ("probe", "select (tenant_id, connection_id, marketplace_id)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "ingest_document",
    DataClass.SELLER_FACTS,
    note="Which documents became facts: type, period, hash, counts.",
    columns=(
        "tenant_id id connection_id origin report_type source_key content_sha256 "
        "marketplace_ids covers_from covers_until rows_kept rows_skipped "
        "columns_dropped recorded_at"
    ),
    indexes="_pkey _tenant_id_report_type_source_key_key",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="covers_until",
    inventory_category="documents",
    grants=(
        ("directory", "select (tenant_id, covers_until, origin, report_type, recorded_at)"),
        ("probe", "select"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "ingest_settlement",
    DataClass.SELLER_FACTS,
    note="What the heads of settlements state: period, payout, day of the deposit.",
    columns=(
        "tenant_id settlement_id connection_id currency total_amount starts_at ends_at "
        "deposited_at recorded_at"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30; 18 months",
    eraser=Eraser.DELETE_CONNECTION,
    age_column="ends_at",
    inventory_category="documents",
    grants=(
        ("directory", "select (tenant_id, ends_at)"),
        ("probe", "select (tenant_id, connection_id)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "ingest_plan",
    DataClass.OPERATIONAL,
    note="For which authorization the streams were planned.",
    columns="tenant_id connection_id planned_for",
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="planned_for",
    inventory_category="progress",
    functions=(CrossTenantFunction("unplanned_connections(timestamptz, int)", ("worker",)),),
)
describe_table(
    "ingest_stream",
    DataClass.OPERATIONAL,
    note="Cursors: how far each stream is.",
    columns=(
        "tenant_id connection_id name marketplace_id cursor work_done work_total due_at "
        "lease_expires_at lease_id last_attempt_at last_success_at last_outcome "
        "failures_in_row fresh_until"
    ),
    indexes="_pkey _due",
    tenant_column="tenant_id",
    connection_column="connection_id",
    parents=("connections_connection",),
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="last_attempt_at",
    inventory_category="progress",
    functions=(
        CrossTenantFunction("due_streams(timestamptz, int)", ("worker",)),
        CrossTenantFunction("deployment_measurements()", ("operator", "worker")),
    ),
)
describe_table(
    "ingest_transaction_digest",
    DataClass.OPERATIONAL,
    note="Digests of transactions of the last days, to recognize those that come again unchanged.",
    columns="tenant_id connection_id source_key digest posted_at",
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="posted_at",
    inventory_category="progress",
    grants=(
        ("probe", "select (tenant_id, connection_id, posted_at)"),
        ("retention", "select, delete"),
        ("web", "select, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "ingest_bucket",
    DataClass.OPERATIONAL,
    note="Token buckets of Amazon's rate limits.",
    columns="tenant_id key connection_id tokens rate burst updated_at",
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="updated_at",
    inventory_category="progress",
)
describe_table(
    "ingest_drift",
    DataClass.OPERATIONAL,
    note="Paths of fields that this version does not know; never their values.",
    columns="tenant_id connection_id operation path first_seen_at last_seen_at times_seen",
    indexes="_pkey",
    tenant_column="tenant_id",
    connection_column="connection_id",
    retention="life-purge-30",
    eraser=Eraser.DELETE_CONNECTION,
    date_column="first_seen_at",
    inventory_category="progress",
)
describe_table(
    "ingest_dirty_day",
    DataClass.OPERATIONAL,
    note="Days whose rollups are to be made again.",
    columns="tenant_id marketplace_id local_day marked_at orders_only_at",
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="life-purge-30",
    eraser=Eraser.REBUILD,
    age_column="local_day",
    inventory_category="totals",
    functions=(CrossTenantFunction("dirty_tenants(int)", ("worker",)),),
    grants=(
        ("directory", "select (tenant_id, marketplace_id, local_day, marked_at)"),
        ("probe", "select"),
        ("retention", "select, delete, insert"),
        ("web", "select, insert, update, delete"),
        ("worker", "select, insert, update, delete"),
    ),
)
describe_table(
    "procrastinate_jobs",
    DataClass.OPERATIONAL,
    note="The job queue: names and ids, no payloads.",
    columns=(
        "id queue_name task_name lock args status scheduled_at attempts queueing_lock priority"
        " abort_requested worker_id"
    ),
    indexes=(
        "_pkey idx_procrastinate_jobs_worker_not_null _id_lock_idx_v1 _lock_idx_v1 "
        "_priority_idx_v1 _queue_name_idx_v1 _queueing_lock_idx_v1"
    ),
    retention="until done",
    eraser=Eraser.EXPIRY,
    expired_by=BY_THE_WORKER,
    functions=(CrossTenantFunction("check_job()", owner="requests"),),
)
describe_table(
    "procrastinate_events",
    DataClass.OPERATIONAL,
    note="The job queue: names and ids, no payloads.",
    columns="id job_id type at",
    indexes="_pkey _job_id_fkey_v1",
    retention="until done",
    eraser=Eraser.EXPIRY,
    expired_by=BY_THE_WORKER,
)
describe_table(
    "procrastinate_periodic_defers",
    DataClass.OPERATIONAL,
    note="The job queue: names and ids, no payloads.",
    columns="id task_name defer_timestamp job_id periodic_id",
    indexes="_pkey _job_id_fkey_v1 _unique",
    retention="until done",
    eraser=Eraser.EXPIRY,
    expired_by=BY_THE_WORKER,
)
describe_table(
    "procrastinate_workers",
    DataClass.OPERATIONAL,
    note="The job queue: names and ids, no payloads.",
    columns="id last_heartbeat",
    indexes="_pkey idx_procrastinate_workers_last_heartbeat",
    retention="until done",
    eraser=Eraser.EXPIRY,
    expired_by=BY_THE_WORKER,
    functions=(CrossTenantFunction("worker_heartbeat()", ("operator", "web", "worker")),),
)
