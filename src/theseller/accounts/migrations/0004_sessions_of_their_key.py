"""End the sessions of earlier versions: their content is not signed for their key. People sign in again."""

from __future__ import annotations

from django.db import migrations


class Migration(migrations.Migration):
    dependencies = [("accounts", "0003_canonical_addresses"), ("sessions", "0001_initial")]
    operations = [migrations.RunSQL(sql="delete from django_session", reverse_sql=migrations.RunSQL.noop)]
