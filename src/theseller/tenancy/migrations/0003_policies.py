"""Row security by the ticket alone: `sql/policies.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    # After every migration that called the earlier guard.protect and then altered a policy or added a trigger of its own.
    dependencies = [
        ("tenancy", "0002_deployment"),
        ("accounts", "0002_second_factors"),
        ("analytics", "0002_finer"),
        ("connections", "0002_keys"),
        ("governance", "0004_shop_requests"),
        ("ingest", "0001_initial"),
        ("retention", "0006_endings"),
        ("vault", "0003_looks"),
    ]
    operations = [run_sql("tenancy", "policies.sql")]
