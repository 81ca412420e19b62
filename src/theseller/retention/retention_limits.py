"""Every limit of how long data is stored, with the clause it follows.

These numbers are defined only here, except those that come from `lib.policy_time_limits`.
"""

from __future__ import annotations

# Ingest must not fetch what would have to be erased at once, and neither may the store of buyers'
# data; they can't import this package: those limits are in lib.
from theseller.lib.policy_time_limits import FACTS_KEPT_DAYS, PII_DAYS_MAX

__all__ = [
    "BACKUP_DAYS",
    "BACKUP_DAYS_MAX",
    "BACKUP_HOURS",
    "CERTIFICATE_LINK_DAYS",
    "DELETION_REQUEST_DAYS",
    "DRILL_HOURS",
    "ERASURE_DAYS_MAX",
    "FACTS_KEPT_DAYS",
    "HOLD_DAYS_MAX",
    "HOLD_REASON_LENGTH_MIN",
    "PII_DAYS_MAX",
    "SECURITY_LOG_DAYS_MIN",
    "TENANT_GRACE_HOURS",
    "VACUUM_BATCH_MINUTES",
]

#: Everything derived from a connection is deleted this long after it ends (clauses life-purge-30,
#: aup-deletion-requests).
ERASURE_DAYS_MAX = 30
#: No backup can be read when it is this old, whatever is configured (clause bak-cap: the page's
#: figure).
BACKUP_DAYS_MAX = 90
#: What we keep: Amazon's Data Protection Policy 1.7 counts copies among what must be deleted 30
#: days after a request, and a purge and the next backup take up to two of them.
BACKUP_DAYS = 28
#: A backup is taken this often; the WAL between is kept as it is finished (clause bak-automatic).
BACKUP_HOURS = 24
#: A backup that no drill has proven after this time is called unproven (clause bak-restore-test).
DRILL_HOURS = 24
#: A deletion, by anyone who may request it, is done and certified this long after the request was
#: received (clause aup-deletion-requests).
DELETION_REQUEST_DAYS = 30
#: The security log is kept at least this long: 12 months (Data Protection Policy 2.6). Nothing
#: deletes from it at all.
SECURITY_LOG_DAYS_MIN = 366
#: A legal hold ends by itself after a year; another can be placed.
HOLD_DAYS_MAX = 365
HOLD_REASON_LENGTH_MIN = 20
#: A shop that its owner ended goes this long afterwards at the soonest: until then its certificates
#: can be downloaded.
TENANT_GRACE_HOURS = 24
#: What erasures touched is rewritten this long after the first of them, so that those that follow
#: share the work.
VACUUM_BATCH_MINUTES = 60
#: Who ended a shop or an account has none to sign in with afterwards: the link to the proof leads
#: there this long.
CERTIFICATE_LINK_DAYS = 90
