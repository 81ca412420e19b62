"""Table descriptors of `analytics`.

They say what each of its tables stores, for how long, and who may use it.
"""

from __future__ import annotations

from theseller.datamap.table_registry import describe_table
from theseller.datamap.types import DataClass, Eraser

describe_table(
    "analytics_day",
    DataClass.SELLER_FACTS,
    note="Totals per day and store.",
    columns=(
        "tenant_id local_day marketplace_id currency orders cancelled_orders "
        "pending_orders order_items units unpriced_units ordered_sales promotions "
        "refunds product_sales credits discounts refunded_sales fees advertising "
        "reimbursements unclassified net_proceeds selling_fees fulfilment_fees "
        "storage_fees deferred ledger_source computed_at:operational posted_orders "
        "posted_lines settled_net ordered_tax deferred_sales"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    partitions="analytics_day_t",
    erase_order=10,
    retention="life-purge-30; 18 months",
    eraser=Eraser.REBUILD,
    age_column="local_day",
    inventory_category="totals",
)
describe_table(
    "analytics_day_product",
    DataClass.SELLER_FACTS,
    note="Totals per day, store and product.",
    columns=(
        "tenant_id local_day marketplace_id sku asin currency orders units "
        "ordered_sales promotions refunds refunded_sales fees net_proceeds "
        "product_sales posted_orders posted_lines posted_units"
    ),
    indexes="_pkey _totals",
    tenant_column="tenant_id",
    partitions="analytics_day_product_t",
    erase_order=10,
    retention="life-purge-30; 18 months",
    eraser=Eraser.REBUILD,
    age_column="local_day",
    inventory_category="totals",
)
describe_table(
    "analytics_product_cost",
    DataClass.SELLER_INPUT,
    note="Unit costs of products by period, as people of the shop entered them. Not Amazon's data.",
    columns=(
        "tenant_id sku marketplace_id currency valid_from unit_cost written_by:operational"
        " written_at:operational"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    parents=("tenancy_tenant",),
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    date_column="written_at",
    inventory_category="costs",
    grants=(
        ("probe", "select (tenant_id)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
        ("worker", "select"),
    ),
)
describe_table(
    "analytics_replenishment",
    DataClass.SELLER_INPUT,
    note="What a shop's people entered about ordering a product: lead time, cover, cartons.",
    columns=(
        "tenant_id sku lead_time_days safety_days target_cover_days carton_size minimum_quantity"
        " updated_at:operational"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    date_column="updated_at",
    inventory_category="replenishment",
    grants=(
        ("probe", "select (tenant_id, updated_at)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
    ),
)
describe_table(
    "analytics_expense",
    DataClass.SELLER_INPUT,
    note="What a shop pays that Amazon does not charge, as its people entered it.",
    columns=(
        "tenant_id id name category marketplace_id currency amount recurrence first_day last_day"
        " written_by:operational written_at:operational"
    ),
    indexes="_pkey",
    tenant_column="tenant_id",
    parents=("tenancy_tenant",),
    retention="until the account is deleted",
    eraser=Eraser.DELETE_TENANT,
    date_column="written_at",
    inventory_category="expenses",
    grants=(
        ("probe", "select (tenant_id)"),
        ("retention", "select, delete"),
        ("web", "select, insert, update, delete"),
    ),
)
