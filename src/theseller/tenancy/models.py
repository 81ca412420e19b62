"""The tenant model."""

from __future__ import annotations

from django.db import models

from theseller.lib.ids import new_id


class Tenant(models.Model):
    """One seller company that uses this deployment."""

    id = models.UUIDField(primary_key=True, default=new_id)
    name = models.TextField()
    created_at = models.DateTimeField()

    class Meta:
        """The table is created by the migrations' SQL."""

        managed = False
        db_table = "tenancy_tenant"
