"""The outbox of mail, attempts, refused addresses, a demo's inbox."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("accounts", "0004_sessions_of_their_key"), ("tenancy", "0009_files_host")]

    operations = [run_sql("mail", "outbox.sql")]
