"""How the planner weighs the condition on the tenant.

Tables with row security keep no statistics (decision 0004). The planner then takes every equality
for one row in 200. A statement that names its tenant beside the policies, which do as well, is
taken to find one row by that alone, so that each index seems as good as any other: it may read
all rows of the tenant. In ``tenant_id = any(…)`` each member counts, also one that is named again.
"""

from __future__ import annotations

from uuid import UUID

#: Enough for an index on more than the tenant to seem better; more would make each look of an index
#: seem dear.
_TIMES = 24


def repeated(tenant: UUID) -> list[UUID]:
    """Return what to bind in ``tenant_id = any(…)`` of a large table."""
    return [tenant] * _TIMES
