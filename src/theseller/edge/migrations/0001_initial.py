"""The table of rate buckets, unlogged."""

from __future__ import annotations

from django.db import migrations, models


class Migration(migrations.Migration):
    initial = True

    operations = [
        migrations.CreateModel(
            name="RateBucket",
            fields=[
                ("key", models.TextField(primary_key=True, serialize=False)),
                ("tokens", models.FloatField()),
                ("updated_at", models.DateTimeField(db_index=True)),
            ],
            options={"db_table": "edge_ratebucket"},
        ),
        migrations.RunSQL(
            sql="ALTER TABLE edge_ratebucket SET UNLOGGED",
            reverse_sql="ALTER TABLE edge_ratebucket SET LOGGED",
        ),
    ]
