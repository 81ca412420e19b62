"""Authorization attempts, connections, sealed tokens and disconnections.

`sql/tables.sql` defines the tables.
"""

from __future__ import annotations

from django.contrib.postgres.fields import ArrayField
from django.db import models


class AuthorisationAttempt(models.Model):
    """One trip to Seller Central and back.

    Only hashes of the state and of the browser session are stored.
    """

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    state_hash = models.BinaryField()
    session_hash = models.BinaryField()
    user_id = models.UUIDField()
    marketplace_id = models.TextField()
    features = ArrayField(models.TextField())
    roles = ArrayField(models.TextField())
    created_at = models.DateTimeField()
    expires_at = models.DateTimeField()
    consumed_at = models.DateTimeField(null=True)
    # null until the attempt is consumed: no outcome is not an empty one
    outcome = models.TextField(null=True)  # noqa: DJ001

    class Meta:
        """Table of `sql/tables.sql`; Django's migrations do not manage it."""

        managed = False
        db_table = "connections_attempt"


class Connection(models.Model):
    """A seller account in one region whose data the tenant stores.

    `origin` is `lwa` (authorized) or `files` (imported reports).
    """

    pk = models.CompositePrimaryKey("tenant_id", "id")
    tenant_id = models.UUIDField()
    id = models.UUIDField()
    origin = models.TextField()
    region = models.TextField()
    selling_partner_id = models.TextField()
    marketplace_ids = ArrayField(models.TextField())
    features = ArrayField(models.TextField())
    roles = ArrayField(models.TextField())
    created_at = models.DateTimeField()
    authorised_at = models.DateTimeField(null=True)
    authorisation_expires_at = models.DateTimeField(null=True)
    seller_check = models.TextField(null=True)  # null: Amazon has not said yet  # noqa: DJ001
    seller_checked_at = models.DateTimeField(null=True)
    seller_confirmed_at = models.DateTimeField(null=True)

    class Meta:
        """Table of `sql/tables.sql`; Django's migrations do not manage it."""

        managed = False
        db_table = "connections_connection"


class RefreshToken(models.Model):
    """A connection's refresh token, sealed to this row (`crypto.seal_value`)."""

    pk = models.CompositePrimaryKey("tenant_id", "connection_id")
    tenant_id = models.UUIDField()
    connection_id = models.UUIDField()
    sealed = models.BinaryField()
    data_key_id = models.UUIDField()
    sealed_at = models.DateTimeField()

    class Meta:
        """Table of `sql/tables.sql`; Django's migrations do not manage it."""

        managed = False
        db_table = "connections_refresh_token"


class Disconnection(models.Model):
    """When, why and by whom a connection ended; its destroyed data key."""

    pk = models.CompositePrimaryKey("tenant_id", "connection_id")
    tenant_id = models.UUIDField()
    connection_id = models.UUIDField()
    reason = models.TextField()
    actor = models.TextField()
    at = models.DateTimeField()
    data_key_id = models.UUIDField(null=True)

    class Meta:
        """Table of `sql/tables.sql`; Django's migrations do not manage it."""

        managed = False
        db_table = "connections_disconnection"
