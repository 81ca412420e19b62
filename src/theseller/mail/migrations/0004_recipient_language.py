"""Tell the mail which language a person chose: `sql/recipient_language.sql`."""

from __future__ import annotations

from django.db import migrations

from theseller.tenancy.ddl import run_sql


class Migration(migrations.Migration):
    dependencies = [("mail", "0003_redaction"), ("accounts", "0010_user_language")]

    operations = [run_sql("mail", "recipient_language.sql")]
