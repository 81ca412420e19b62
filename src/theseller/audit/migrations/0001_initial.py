"""The tables of this room; `sql/event.sql` defines what Django does not."""

from __future__ import annotations

from django.db import migrations, models

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0001_initial")]

    operations = [
        run_sql("audit", "event.sql"),
        migrations.CreateModel(
            name="Event",
            fields=[
                ("position", models.BigAutoField(primary_key=True, serialize=False)),
                ("id", models.UUIDField(unique=True)),
                ("at", models.DateTimeField()),
                ("tag", models.TextField()),
                ("actor", models.TextField()),
                ("tenant_id", models.UUIDField(null=True)),
                ("subject", models.TextField()),
                ("details", models.JSONField()),
            ],
            options={
                "db_table": "audit_event",
                "managed": False,
            },
        ),
    ]
