"""Every limit of how long something lives, each with the clause it keeps. The only place where these numbers stand."""

from __future__ import annotations

#: 18 months of facts that are not personal data (Data Protection Policy 1.7; clause life-purge-30 ends them sooner).
FACTS_KEPT_DAYS = 548
#: Everything derived from a connection is gone this long after it ends (clauses life-purge-30, aup-deletion-requests).
PURGE_DAYS_MAX = 30
