"""The guard and the tenants."""

from __future__ import annotations

from django.db import migrations, models

import theseller.lib.ids
from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True
    operations = [
        run_sql("tenancy", "guard.sql"),
        migrations.CreateModel(
            name="Tenant",
            fields=[
                ("id", models.UUIDField(default=theseller.lib.ids.new_id, primary_key=True, serialize=False)),
                ("name", models.TextField()),
                ("created_at", models.DateTimeField()),
            ],
            options={"db_table": "tenancy_tenant", "managed": False},
        ),
    ]
