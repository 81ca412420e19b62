"""Default numbers of processes, threads and database connections.

No other module defines them.
"""

from __future__ import annotations

from theseller.config.database_settings import connections_max
from theseller.config.environment import ProcessRole

#: `theseller serve`: processes, and threads in each.
WEB_PROCESSES, WEB_THREADS = 2, 4
#: `theseller worker`: jobs at the same time.
WORKER_JOBS = 4
#: The worker's queue: what its pool holds, and one that listens.
QUEUE_POOLED = 4
_QUEUE = QUEUE_POOLED + 1
#: The locks that let one process erase at a time have connections of their own
#: (`erasure.exclusive_erasure`): one for each kind of work.
ERASURE_LOCKS = 2


def connections_of_deployment() -> int:
    """Return how many connections web and worker open at most by default."""
    web = WEB_PROCESSES * connections_max(ProcessRole.WEB, WEB_THREADS)
    return web + connections_max(ProcessRole.WORKER, WORKER_JOBS) + _QUEUE + ERASURE_LOCKS
