"""Every kind of event in the audit log, in alphabetical order.

A tag is `source:subject:action`. `WRITERS` says which database role may write which.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum


class Tag(StrEnum):
    """The name of an event. Intent and outcome bracket what can't be undone."""

    ACCESS_CLOSED = "governance:access:closed"
    ACCESS_OPENED = "governance:access:opened"
    ACCESS_REVIEWED = "governance:access:reviewed"
    ACCESS_VIEWED = "governance:access:viewed"
    ACCOUNT_CREATED = "accounts:user:created"
    ACCOUNT_END_INTENDED = "accounts:user:end_intended"
    ACCOUNT_ERASED = "accounts:user:erased"
    ACCOUNT_LANGUAGE_CHOSEN = "accounts:user:language_chosen"
    ACCOUNT_SIGNED_IN = "accounts:session:signed_in"
    ACCOUNT_SIGNED_OUT = "accounts:session:signed_out"
    ACCOUNT_SIGN_IN_FAILED = "accounts:session:sign_in_failed"
    ACT_UNREADABLE = "operations:act:unreadable"
    ADVISORIES_ACCEPTED = "operations:advisories:accepted"
    ADVISORIES_IMPORTED = "operations:advisories:imported"
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
    CONNECTION_SELLER_CONFIRMED = "connections:seller:confirmed"
    CONNECTION_SELLER_MISMATCH = "connections:seller:mismatch"
    COPY_ACCEPTED = "audit:copy:accepted"
    COPY_SHORT = "audit:copy:short"
    COST_CHANGED = "analytics:cost:changed"
    COST_DELETED = "analytics:cost:deleted"
    DATABASE_MOVED = "operations:database:moved"
    DATABASE_OPENED = "operations:database:opened"
    DATABASE_RESTORED = "operations:database:restored"
    DATA_EXPORTED = "governance:held:exported"
    DELETION_REQUESTED = "governance:deletion_request:recorded"
    DELETION_REQUEST_UNMATCHED = "governance:deletion_request:unmatched"
    EXPENSE_CHANGED = "analytics:expense:changed"
    EXPENSE_DELETED = "analytics:expense:deleted"
    FACTS_AGED = "retention:facts:aged"
    HOLD_LIFTED = "retention:hold:lifted"
    HOLD_PLACED = "retention:hold:placed"
    IDENTITY_LINKED = "accounts:identity:linked"
    IDENTITY_REFUSED = "accounts:identity:refused"
    IDENTITY_UNLINKED = "accounts:identity:unlinked"
    IMPORT_RECORDED = "ingest:document:imported"
    INVITATION_MADE = "accounts:invitation:made"
    INVITATION_WITHDRAWN = "accounts:invitation:withdrawn"
    LOG_RESTORED = "audit:log:restored"
    MAIL_ADDRESS_ALLOWED = "mail:address:allowed"
    MAIL_ADDRESS_REFUSED = "mail:address:refused"
    MAIL_RETRIED = "mail:message:retried"
    MAIL_TESTED = "mail:message:tested"
    MEMBER_ADDED = "accounts:membership:added"
    MEMBER_LEFT = "accounts:membership:left"
    MEMBER_MARKETPLACES_CHANGED = "accounts:membership:marketplaces_changed"
    MEMBER_REMOVED = "accounts:membership:removed"
    MEMBER_ROLE_CHANGED = "accounts:membership:role_changed"
    OPERATOR_ADDED = "accounts:operator:added"
    OPERATOR_REMOVED = "accounts:operator:removed"
    PASSWORD_CHANGED = "accounts:password:changed"  # an event  # noqa: S105
    PASSWORD_LINK_MADE = "accounts:password_link:made"  # an event  # noqa: S105
    PASSWORD_LINK_REQUESTED = "accounts:password_link:requested"  # an event  # noqa: S105
    PASSWORD_RESET = "accounts:password:reset"  # an event  # noqa: S105
    PROBER_ADDED = "controls:prober:added"
    PROBER_REMOVED = "controls:prober:removed"
    PURGE_COMPLETED = "retention:purge:completed"
    PURGE_INTENDED = "retention:purge:intended"
    RECOVERY_CODES_MADE = "accounts:recovery_codes:made"
    REPLENISHMENT_CHANGED = "analytics:replenishment:changed"
    ROTATION_BEGUN = "governance:rotation:begun"
    ROTATION_FINISHED = "governance:rotation:finished"
    ROTATION_FORCED = "governance:rotation:forced"
    SECOND_FACTOR_ADDED = "accounts:second_factor:added"
    SECOND_FACTOR_PROVEN = "accounts:second_factor:proven"
    SECOND_FACTOR_REFUSED = "accounts:second_factor:refused"
    SECOND_FACTOR_REMOVED = "accounts:second_factor:removed"
    SECRETS_BUNDLED = "governance:secret:bundled"  # an event
    SECRETS_FILLED = "governance:secret:filled"  # an event
    SECRET_AGE_NOTED = "governance:secret:age_noted"  # an event  # noqa: S105
    SECRET_GIVEN = "governance:secret:given"  # an event  # noqa: S105
    SECRET_PUT = "governance:secret:put"  # an event  # noqa: S105
    SHOP_END_INTENDED = "retention:shop:end_intended"
    SHOP_ERASED = "retention:shop:erased"
    SIGN_UP_REQUESTED = "accounts:sign_up:requested"
    STATE_EXPORTED = "operations:state:exported"
    STATE_IMPORTED = "operations:state:imported"
    TENANT_CREATED = "tenancy:tenant:created"
    VAULT_DAY_ENDED = "vault:day:ended"
    VAULT_DAY_END_INTENDED = "vault:day:end_intended"
    VAULT_ERASED = "vault:recipient:erased"
    VAULT_FETCHED = "vault:recipient:fetched"
    VAULT_OFF = "vault:feature:turned_off"
    VAULT_OFF_INTENDED = "vault:feature:off_intended"
    VAULT_ON = "vault:feature:turned_on"
    VAULT_VIEWED = "vault:recipient:viewed"


_AT_THE_SHELL = (
    Tag.ACT_UNREADABLE,
    Tag.ADVISORIES_ACCEPTED,
    Tag.ADVISORIES_IMPORTED,
    Tag.DATABASE_MOVED,
    Tag.DATABASE_OPENED,
    Tag.DATABASE_RESTORED,
    Tag.SECRETS_BUNDLED,
    Tag.SECRETS_FILLED,
    Tag.SECRET_AGE_NOTED,
    Tag.SECRET_GIVEN,
    Tag.SECRET_PUT,
    Tag.STATE_EXPORTED,
    Tag.STATE_IMPORTED,
)
_BY_DISCONNECTING = (
    Tag.CONNECTION_DISCONNECTED,
    Tag.CONNECTION_DISCONNECT_INTENDED,
    Tag.VAULT_ERASED,
    Tag.VAULT_OFF,
    Tag.VAULT_OFF_INTENDED,
)
#: Which lines each role of the database may write; a trigger refuses all others. `grants.sql` has
#: the same list, and a test compares them.
WRITERS: Mapping[str, frozenset[Tag]] = {
    "theseller_auth": frozenset(
        {
            Tag.ACCOUNT_CREATED,
            Tag.ACCOUNT_END_INTENDED,
            Tag.ACCOUNT_LANGUAGE_CHOSEN,
            Tag.ACCOUNT_SIGNED_IN,
            Tag.ACCOUNT_SIGNED_OUT,
            Tag.ACCOUNT_SIGN_IN_FAILED,
            Tag.DELETION_REQUESTED,
            Tag.IDENTITY_LINKED,
            Tag.IDENTITY_REFUSED,
            Tag.IDENTITY_UNLINKED,
            Tag.INVITATION_MADE,
            Tag.INVITATION_WITHDRAWN,
            Tag.MEMBER_ADDED,
            Tag.MEMBER_MARKETPLACES_CHANGED,
            Tag.MEMBER_REMOVED,
            Tag.MEMBER_ROLE_CHANGED,
            Tag.PASSWORD_CHANGED,
            Tag.PASSWORD_LINK_MADE,
            Tag.PASSWORD_LINK_REQUESTED,
            Tag.PASSWORD_RESET,
            Tag.RECOVERY_CODES_MADE,
            Tag.SECOND_FACTOR_ADDED,
            Tag.SECOND_FACTOR_PROVEN,
            Tag.SECOND_FACTOR_REFUSED,
            Tag.SECOND_FACTOR_REMOVED,
            Tag.SHOP_END_INTENDED,
            Tag.SIGN_UP_REQUESTED,
            Tag.TENANT_CREATED,
        }
    ),
    "theseller_migrate": frozenset(
        {
            Tag.OPERATOR_ADDED,
            Tag.OPERATOR_REMOVED,
            Tag.PROBER_ADDED,
            Tag.PROBER_REMOVED,
            Tag.SECOND_FACTOR_REMOVED,
        }
    ),
    "theseller_operator": frozenset(
        {
            Tag.ACCESS_CLOSED,
            Tag.ACCESS_OPENED,
            Tag.ACCESS_REVIEWED,
            Tag.ACCESS_VIEWED,
            Tag.DELETION_REQUESTED,
            Tag.DELETION_REQUEST_UNMATCHED,
            Tag.MAIL_RETRIED,
        }
    ),
    "theseller_retention": frozenset(
        {
            Tag.ACCOUNT_ERASED,
            Tag.CERTIFICATE_ISSUED,
            Tag.FACTS_AGED,
            Tag.MEMBER_LEFT,
            Tag.OPERATOR_REMOVED,
            Tag.PURGE_COMPLETED,
            Tag.PURGE_INTENDED,
            Tag.SHOP_ERASED,
            Tag.VAULT_ERASED,
        }
    ),
    "theseller_web": frozenset(
        {
            Tag.AUTHORISATION_BEGUN,
            Tag.AUTHORISATION_REFUSED,
            Tag.CERTIFICATE_DOWNLOADED,
            Tag.CONNECTION_AUTHORISED,
            Tag.CONNECTION_SELLER_CONFIRMED,
            Tag.CONNECTION_SELLER_MISMATCH,
            Tag.COST_CHANGED,
            Tag.COST_DELETED,
            Tag.DATA_EXPORTED,
            Tag.EXPENSE_CHANGED,
            Tag.EXPENSE_DELETED,
            Tag.IMPORT_RECORDED,
            Tag.REPLENISHMENT_CHANGED,
            Tag.VAULT_ON,
            Tag.VAULT_VIEWED,
            *_BY_DISCONNECTING,
        }
    ),
    "theseller_worker": frozenset(
        {
            Tag.ACCESS_CLOSED,
            Tag.BACKUP_ENDED,
            Tag.BACKUP_END_INTENDED,
            Tag.BACKUP_FAILED,
            Tag.BACKUP_INTENDED,
            Tag.BACKUP_PROVEN,
            Tag.BACKUP_REFUSED,
            Tag.BACKUP_TAKEN,
            Tag.CONNECTION_AUTHORISATION_LOST,
            Tag.CONNECTION_KEY_REPLACED,
            Tag.CONNECTION_SELLER_CONFIRMED,
            Tag.CONNECTION_SELLER_MISMATCH,
            Tag.COPY_ACCEPTED,
            Tag.COPY_SHORT,
            Tag.DELETION_REQUESTED,
            Tag.DELETION_REQUEST_UNMATCHED,
            Tag.HOLD_LIFTED,
            Tag.HOLD_PLACED,
            Tag.LOG_RESTORED,
            Tag.MAIL_ADDRESS_ALLOWED,
            Tag.MAIL_ADDRESS_REFUSED,
            Tag.MAIL_RETRIED,
            Tag.MAIL_TESTED,
            Tag.ROTATION_BEGUN,
            Tag.ROTATION_FINISHED,
            Tag.ROTATION_FORCED,
            Tag.VAULT_DAY_ENDED,
            Tag.VAULT_DAY_END_INTENDED,
            Tag.VAULT_FETCHED,
            *_AT_THE_SHELL,
            *_BY_DISCONNECTING,
        }
    ),
}
