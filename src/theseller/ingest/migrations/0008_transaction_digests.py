"""Recognize transactions that were read before: `sql/transaction_digests.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("ingest", "0007_orders_only")]
    operations = [run_sql("ingest", "transaction_digests.sql")]
