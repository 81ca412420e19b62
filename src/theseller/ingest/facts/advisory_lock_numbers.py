"""Numbers of the advisory locks of one tenant's facts.

Take them in ascending order, to exclude deadlocks. Without a lock, two writers of one order would
each find none stored and insert it twice.
"""

from __future__ import annotations

#: Taken before the others: imports of one tenant run one at a time, so that each sees what the one
#: before stored.
IMPORT_LOCK = 100
ORDERS_LOCK = 101
LEDGER_LOCK = 102
PRODUCTS_LOCK = 103
INVENTORY_LOCK = 104
TRAFFIC_LOCK = 105
RETURNS_LOCK = 106
