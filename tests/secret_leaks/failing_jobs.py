"""The product's jobs, and those of the tests.

They fail with a secret, or refresh an access token now.
"""

from __future__ import annotations

from uuid import UUID

import procrastinate
from tests.secret_leaks.failures import FAILURES
from tests.secret_leaks.planted_secrets import planted_secret

from theseller.config import job_registration as product
from theseller.connections.access_tokens import open_connection
from theseller.lib import clock


def on_app_ready(app: procrastinate.App) -> None:
    product.on_app_ready(app)
    app.task(name="tests.fail")(fail)
    app.task(name="tests.refresh")(refresh)


def fail(how: str) -> None:
    FAILURES[how](planted_secret("job"))


def refresh(tenant: str, connection: str) -> None:
    """Ask Amazon for an access token as a pull does whose token was refused."""
    with open_connection(UUID(tenant), UUID(connection), at=clock.now()) as opened:
        opened.discard_access_token()
        opened.access_token()
