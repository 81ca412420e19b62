"""The table of rate-limit buckets: keyed hashes and counts only."""

from __future__ import annotations

from django.db import models


class RateBucket(models.Model):
    """A token bucket.

    Its table is UNLOGGED: limits start full again after a crash, and a write causes no WAL.
    """

    key = models.TextField(primary_key=True)
    tokens = models.FloatField()
    updated_at = models.DateTimeField(db_index=True)

    class Meta:
        """Name of the table, which the limiter's SQL uses."""

        db_table = "edge_ratebucket"
