"""Operators and second factors: `sql/second_factors.sql`."""

from __future__ import annotations

from django.db import migrations, models

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("accounts", "0001_initial")]

    operations = [
        run_sql("accounts", "second_factors.sql"),
        migrations.CreateModel(
            name="Operator",
            fields=[
                ("user_id", models.UUIDField(primary_key=True, serialize=False)),
                ("since", models.DateTimeField()),
                ("granted_by", models.TextField()),
            ],
            options={"db_table": "accounts_operator", "managed": False},
        ),
        migrations.CreateModel(
            name="Authenticator",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("user_id", models.UUIDField()),
                ("sealed", models.BinaryField()),
                ("data_key_id", models.UUIDField()),
                ("last_step", models.BigIntegerField(default=0)),
                ("added_at", models.DateTimeField()),
                ("confirmed_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "accounts_authenticator", "managed": False},
        ),
        migrations.CreateModel(
            name="Passkey",
            fields=[
                ("id", models.UUIDField(primary_key=True, serialize=False)),
                ("user_id", models.UUIDField()),
                ("credential_id", models.BinaryField()),
                ("credential", models.BinaryField()),
                ("sign_count", models.BigIntegerField()),
                ("name", models.TextField()),
                ("added_at", models.DateTimeField()),
                ("answered", models.DateTimeField()),
            ],
            options={"db_table": "accounts_passkey", "managed": False},
        ),
        migrations.CreateModel(
            name="RecoveryCode",
            fields=[
                ("pk", models.CompositePrimaryKey("set_id", "code_hash", blank=True, editable=False, primary_key=True, serialize=False)),
                ("set_id", models.UUIDField()),
                ("code_hash", models.BinaryField()),
                ("user_id", models.UUIDField()),
                ("made_at", models.DateTimeField()),
                ("used_at", models.DateTimeField(null=True)),
            ],
            options={"db_table": "accounts_recovery_code", "managed": False},
        ),
    ]
