"""How long facts live: the one number that writing, partitioning and erasing must agree on."""

from __future__ import annotations

#: 18 months of facts that are not personal data (Data Protection Policy 1.7; clause life-purge-30 ends them sooner).
FACTS_KEPT_DAYS = 548
