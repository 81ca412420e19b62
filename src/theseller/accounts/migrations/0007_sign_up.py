"""Requests to open a shop: `sql/sign_up.sql`."""

from __future__ import annotations

from django.db import migrations, models

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("accounts", "0006_password_requests")]

    operations = [
        run_sql("accounts", "sign_up.sql"),
        migrations.CreateModel(
            name="SignUp",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("token_hash", models.BinaryField()),
                ("email", models.TextField()),
                ("user_id", models.UUIDField(null=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_sign_up", "managed": False},
        ),
    ]
