"""Limits that several packages share: retention, key lifetime, access."""

from __future__ import annotations

#: Facts that are not personal data are stored for 18 months (Data Protection Policy 1.7; clause
#: life-purge-30 ends them sooner): the days of the shortest 18 months, such as 1 September to 1
#: March, less one for a change of clocks, so that no fact is older than 18 months in any store's
#: calendar.
FACTS_KEPT_DAYS = 545
#: Retention of buyer PII after the shipment, or the fetch if earlier (clause pii-30-days).
PII_DAYS_MAX = 30
#: The longest lifetime of a secret, whatever is configured (clause cred-rotation).
SECRET_DAYS_MAX = 90
#: The longest access session of an operator, and how often access is reviewed (clause
#: cred-access-log).
ACCESS_MINUTES_MAX = 60
ACCESS_REVIEW_DAYS = 14
#: How long a process caches a secret that may be rotated.
SECRET_CACHE_SECONDS = 2.0
