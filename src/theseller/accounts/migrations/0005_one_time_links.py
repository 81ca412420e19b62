"""Invitations, links to choose a password, and the role of accountants: `sql/one_time_links.sql`."""

from __future__ import annotations

from django.db import migrations, models

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [
        ("accounts", "0004_sessions_of_their_key"),
        ("connections", "0004_confirmed_seller"),
        ("erasure", "0001_one_pair"),
        ("tenancy", "0009_files_host"),
    ]

    operations = [
        run_sql("accounts", "one_time_links.sql"),
        migrations.CreateModel(
            name="Invitation",
            fields=[
                ("pk", models.CompositePrimaryKey("tenant_id", "id", blank=True, editable=False, primary_key=True, serialize=False)),
                ("tenant_id", models.UUIDField()),
                ("id", models.UUIDField()),
                ("token_hash", models.BinaryField()),
                ("email", models.TextField()),
                ("role", models.TextField()),
                ("user_id", models.UUIDField(null=True)),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_invitation", "managed": False},
        ),
        migrations.CreateModel(
            name="PasswordLink",
            fields=[
                ("token_hash", models.BinaryField(primary_key=True, serialize=False)),
                ("user_id", models.UUIDField()),
                ("made_at", models.DateTimeField()),
                ("expires_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_password_link", "managed": False},
        ),
    ]
