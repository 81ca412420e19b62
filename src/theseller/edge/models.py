"""The one table of the edge. Operational data: it holds keyed hashes and counts, of nobody in particular, and may vanish at any time."""

from __future__ import annotations

from django.db import models


class RateBucket(models.Model):
    """A token bucket. Its table is UNLOGGED: limits start full again after a crash, and writing one costs no log."""

    key = models.TextField(primary_key=True)
    tokens = models.FloatField()
    updated_at = models.DateTimeField(db_index=True)

    class Meta:
        db_table = "edge_ratebucket"
