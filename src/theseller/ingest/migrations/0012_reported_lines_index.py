"""The index of rows that count, of which some will be covered.

They are few, where a connection pulls Finances.
"""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.concurrent_indexes import CreateIndexConcurrently


class Migration(migrations.Migration):
    atomic = False
    dependencies = [("ingest", "0011_transaction_reports_validated")]
    operations = [
        CreateIndexConcurrently(
            "ingest_ledger_line_reported",
            table="public.ingest_ledger_line",
            definition=(
                "(tenant_id, connection_id, posted_at)"
                " where source = 'transaction_report' and state <> 'elsewhere'"
            ),
        )
    ]
