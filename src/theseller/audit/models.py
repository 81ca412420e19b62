"""One line of the audit log."""

from __future__ import annotations

from django.db import models


class Event(models.Model):
    """One event of the audit log.

    `actor` is `user:<id>`, `process:<name>`, `operator:<id>` or `amazon:<how>`; never a name or an
    address.
    """

    position = models.BigAutoField(primary_key=True)
    id = models.UUIDField(unique=True)
    at = models.DateTimeField()
    tag = models.TextField()
    actor = models.TextField()
    tenant_id = models.UUIDField(null=True)
    subject = models.TextField()
    details = models.JSONField()

    class Meta:
        """Options: the table is created by SQL, not by Django."""

        managed = False
        db_table = "audit_event"
