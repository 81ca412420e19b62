"""Erases what is due, as one of several processes that do so at once, and is killed at the n-th statement: `connections|ends N`.

Run in the worker's role, Django being ready.
"""

from __future__ import annotations

import sys

from tests.integration.erasure.kills import Boundaries, statements

from theseller.erasure.operations import purge_all
from theseller.erasure.queries import due_purges
from theseller.erasure.tenants import due_shops, erase_ends
from theseller.lib import clock


def main() -> None:
    work, boundary = sys.argv[1], int(sys.argv[2])
    with statements(Boundaries(boundary)):
        if work == "connections":
            purge_all(due_purges(at=clock.now()), at=clock.now())
        else:
            erase_ends(shops=due_shops(at=clock.now()), at=clock.now())


if __name__ == "__main__":
    main()
