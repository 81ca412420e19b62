"""Limits that several packages share: retention, key lifetime, access."""

from __future__ import annotations

#: 18 months of facts that are not personal data (Data Protection Policy 1.7; clause life-purge-30 ends them sooner): the days of the shortest
#: 18 months that there are, such as 1 September to 1 March, less the one that a change of clocks between may add, so that no fact is older
#: than 18 months by any store's calendar.
FACTS_KEPT_DAYS = 545
#: Buyers' personal data that a feature needs lives this long after the shipment, or after it was fetched if that was sooner (clause pii-30-days).
PII_DAYS_MAX = 30
#: No secret serves longer than this, whatever is configured (clause cred-rotation).
SECRET_DAYS_MAX = 90
#: An operator sees a seller's shop this long at most before asking anew, and somebody reviews all access this often (clause cred-access-log).
ACCESS_MINUTES_MAX = 60
ACCESS_REVIEW_DAYS = 14
#: A process uses what it read of a replaceable secret at most this long.
SECRET_CACHE_SECONDS = 2.0
