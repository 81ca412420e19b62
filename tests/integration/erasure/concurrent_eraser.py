"""Erases what is due, as one of several processes, and is killed at the n-th statement.

Its arguments: `connections|ends N`.

Run in the worker's role, Django being ready.
"""

from __future__ import annotations

import sys

from tests.integration.erasure.kills import Boundaries, statements

from theseller.erasure.connection_erasure import erase_connections
from theseller.erasure.queries import due_connections
from theseller.erasure.tenant_and_user_erasure import erase_tenants_and_users
from theseller.erasure.tenant_erasure import due_tenants
from theseller.lib import clock


def main() -> None:
    work, boundary = sys.argv[1], int(sys.argv[2])
    with statements(Boundaries(boundary)):
        if work == "connections":
            erase_connections(due_connections(at=clock.now()), at=clock.now())
        else:
            erase_tenants_and_users(tenants=due_tenants(at=clock.now()), at=clock.now())


if __name__ == "__main__":
    main()
