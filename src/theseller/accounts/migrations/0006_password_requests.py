"""Requests for a new password, and who is invited: `sql/password_requests.sql`."""

from __future__ import annotations

from django.db import migrations, models

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("accounts", "0005_one_time_links")]

    operations = [
        run_sql("accounts", "password_requests.sql"),
        migrations.CreateModel(
            name="PasswordRequest",
            fields=[
                ("user_id", models.UUIDField(primary_key=True, serialize=False)),
                ("requested_at", models.DateTimeField()),
            ],
            options={"db_table": "accounts_password_request", "managed": False},
        ),
    ]
