"""Limits to marketplaces: `sql/marketplace_limits.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("accounts", "0008_oidc_identity")]

    operations = [run_sql("accounts", "marketplace_limits.sql")]
