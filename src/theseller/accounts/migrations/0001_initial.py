"""The tables of this room; `sql/membership.sql` defines what Django does not."""

from __future__ import annotations

import django.db.models.functions.text
from django.db import migrations, models

import theseller.lib.ids
from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    initial = True

    dependencies = [("tenancy", "0001_initial")]

    operations = [
        migrations.CreateModel(
            name="Membership",
            fields=[
                ("pk", models.CompositePrimaryKey("tenant_id", "user_id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("user_id", models.UUIDField()),
                ("role", models.TextField()),
                ("since", models.DateTimeField()),
            ],
            options={
                "db_table": "accounts_membership",
                "managed": False,
            },
        ),
        migrations.CreateModel(
            name="User",
            fields=[
                ("password", models.CharField(max_length=128, verbose_name="password")),
                ("last_login", models.DateTimeField(blank=True, null=True, verbose_name="last login")),
                ("id", models.UUIDField(default=theseller.lib.ids.new_id, primary_key=True, serialize=False)),
                ("email", models.EmailField(max_length=254, unique=True)),
                ("name", models.CharField(max_length=200)),
                ("joined_at", models.DateTimeField()),
            ],
            options={
                "constraints": [
                    models.UniqueConstraint(django.db.models.functions.text.Lower("email"), name="accounts_user_email_any_case")
                ],
            },
        ),
        run_sql("accounts", "membership.sql"),
    ]
