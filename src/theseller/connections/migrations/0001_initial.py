"""The tables of this room; `sql/tables.sql` defines what Django does not."""

from __future__ import annotations

import django.contrib.postgres.fields
from django.db import migrations, models

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0001_initial"), ("accounts", "0001_initial")]

    operations = [
        run_sql("connections", "tables.sql"),
        migrations.CreateModel(
            name="AuthorisationAttempt",
            fields=[
                ("pk", models.CompositePrimaryKey("tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("state_hash", models.BinaryField()),
                ("session_hash", models.BinaryField()),
                ("user_id", models.UUIDField()),
                ("marketplace_id", models.TextField()),
                ("features", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("roles", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("created_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
                ("consumed_at", models.DateTimeField(null=True)),
                ("outcome", models.TextField(null=True)),
            ],
            options={
                "db_table": "connections_attempt",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Connection",
            fields=[
                ("pk", models.CompositePrimaryKey("tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("origin", models.TextField()),
                ("region", models.TextField()),
                ("selling_partner_id", models.TextField()),
                ("marketplace_ids", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("features", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("roles", django.contrib.postgres.fields.ArrayField(base_field=models.TextField(), size=None)),
                ("created_at", models.DateTimeField()),
                ("authorised_at", models.DateTimeField(null=True)),
                ("authorisation_expires_at", models.DateTimeField(null=True)),
            ],
            options={
                "db_table": "connections_connection",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="Disconnection",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("tenant_id", "connection_id", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField()),
                ("connection_id", models.UUIDField()),
                ("reason", models.TextField()),
                ("actor", models.TextField()),
                ("at", models.DateTimeField()),
                ("data_key_id", models.UUIDField(null=True)),
            ],
            options={
                "db_table": "connections_disconnection",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="RefreshToken",
            fields=[
                (
                    "pk",
                    models.CompositePrimaryKey("tenant_id", "connection_id", blank=True, editable=False, primary_key=True, serialize=False),
                ),
                ("tenant_id", models.UUIDField()),
                ("connection_id", models.UUIDField()),
                ("sealed", models.BinaryField()),
                ("data_key_id", models.UUIDField()),
                ("sealed_at", models.DateTimeField()),
            ],
            options={
                "db_table": "connections_refresh_token",
                "managed": False,
            },
        ),
    ]
