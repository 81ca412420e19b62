"""Every kind of event the audit log knows, `source:subject:action`, in alphabetical order."""

from __future__ import annotations

from enum import StrEnum


class Tag(StrEnum):
    """The name of an event. Intent and outcome bracket what can't be undone."""

    ACCESS_CLOSED = "governance:access:closed"
    ACCESS_OPENED = "governance:access:opened"
    ACCESS_REVIEWED = "governance:access:reviewed"
    ACCESS_VIEWED = "governance:access:viewed"
    ACCOUNT_END_INTENDED = "accounts:user:end_intended"
    ACCOUNT_ERASED = "accounts:user:erased"
    ACCOUNT_SIGNED_IN = "accounts:session:signed_in"
    ACCOUNT_SIGNED_OUT = "accounts:session:signed_out"
    ACCOUNT_SIGN_IN_FAILED = "accounts:session:sign_in_failed"
    ACT_UNREADABLE = "operations:act:unreadable"
    AUTHORISATION_BEGUN = "connections:authorisation:begun"
    AUTHORISATION_REFUSED = "connections:authorisation:refused"
    BACKUP_ENDED = "retention:backup:ended"
    BACKUP_END_INTENDED = "retention:backup:end_intended"
    BACKUP_FAILED = "retention:backup:failed"
    BACKUP_INTENDED = "retention:backup:intended"
    BACKUP_PROVEN = "retention:backup:proven"
    BACKUP_REFUSED = "retention:backup:refused"
    BACKUP_TAKEN = "retention:backup:taken"
    CERTIFICATE_DOWNLOADED = "retention:certificate:downloaded"
    CERTIFICATE_ISSUED = "retention:certificate:issued"
    CONNECTION_AUTHORISATION_LOST = "connections:token:lost"
    CONNECTION_AUTHORISED = "connections:connection:authorised"
    CONNECTION_DISCONNECTED = "connections:connection:disconnected"
    CONNECTION_DISCONNECT_INTENDED = "connections:connection:disconnect_intended"
    CONNECTION_KEY_REPLACED = "connections:token:resealed"
    DATABASE_OPENED = "operations:database:opened"
    DATABASE_RESTORED = "operations:database:restored"
    DATA_EXPORTED = "governance:held:exported"
    DELETION_REQUESTED = "governance:deletion_request:recorded"
    DELETION_REQUEST_UNMATCHED = "governance:deletion_request:unmatched"
    FACTS_AGED = "retention:facts:aged"
    HOLD_LIFTED = "retention:hold:lifted"
    HOLD_PLACED = "retention:hold:placed"
    IMPORT_RECORDED = "ingest:document:imported"
    LOG_RESTORED = "audit:log:restored"
    MEMBER_ADDED = "accounts:membership:added"
    MEMBER_LEFT = "accounts:membership:left"
    MEMBER_ROLE_CHANGED = "accounts:membership:role_changed"
    OPERATOR_ADDED = "accounts:operator:added"
    OPERATOR_REMOVED = "accounts:operator:removed"
    PASSWORD_CHANGED = "accounts:password:changed"  # noqa: S105  # an event
    PURGE_COMPLETED = "retention:purge:completed"
    PURGE_INTENDED = "retention:purge:intended"
    RECOVERY_CODES_MADE = "accounts:recovery_codes:made"
    ROTATION_BEGUN = "governance:rotation:begun"
    ROTATION_FINISHED = "governance:rotation:finished"
    ROTATION_FORCED = "governance:rotation:forced"
    SECOND_FACTOR_ADDED = "accounts:second_factor:added"
    SECOND_FACTOR_PROVEN = "accounts:second_factor:proven"
    SECOND_FACTOR_REFUSED = "accounts:second_factor:refused"
    SECOND_FACTOR_REMOVED = "accounts:second_factor:removed"
    SECRETS_BUNDLED = "governance:secret:bundled"  # an event
    SECRETS_FILLED = "governance:secret:filled"  # an event
    SECRET_AGE_NOTED = "governance:secret:age_noted"  # noqa: S105  # an event
    SECRET_GIVEN = "governance:secret:given"  # noqa: S105  # an event
    SECRET_PUT = "governance:secret:put"  # noqa: S105  # an event
    SHOP_END_INTENDED = "retention:shop:end_intended"
    SHOP_ERASED = "retention:shop:erased"
    TENANT_CREATED = "tenancy:tenant:created"
