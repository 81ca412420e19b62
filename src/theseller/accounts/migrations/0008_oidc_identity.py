"""Linked accounts at the identity provider: `sql/oidc_identity.sql`."""

from __future__ import annotations

from django.db import migrations, models

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("accounts", "0007_sign_up")]

    operations = [
        run_sql("accounts", "oidc_identity.sql"),
        migrations.CreateModel(
            name="OidcIdentity",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("user_id", models.UUIDField()),
                ("issuer", models.TextField()),
                ("subject", models.TextField()),
                ("linked_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_oidc_identity", "managed": False},
        ),
    ]
