"""What this room holds."""

from __future__ import annotations

from theseller.datamap.registry import describe_table
from theseller.datamap.types import DataClass, Eraser

for _table, _note in {
    "analytics_day": "Totals per day and store.",
    "analytics_day_product": "Totals per day, store and product.",
}.items():
    describe_table(
        _table,
        DataClass.SELLER_FACTS,
        retention="life-purge-30; 18 months",
        eraser=Eraser.REBUILD,
        tenant_column="tenant_id",
        partitions=f"{_table}_t",
        erase_order=10,
        note=_note,
    )
