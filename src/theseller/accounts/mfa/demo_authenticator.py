"""For the demo: an authenticator app with a known secret.

With it the operator area can be tried without a phone.
"""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from django.conf import settings
from django.db import transaction

from theseller.accounts.mfa import operations, totp, totp_secret_sealing
from theseller.accounts.mfa.queries import own_factors
from theseller.accounts.models import Authenticator
from theseller.edge.database_routing import accounts_database
from theseller.lib.secret_type import Secret


def add_demo_authenticator(person: UUID, secret: Secret, at: datetime) -> None:
    """Set up an app with this secret if the person has no second factor."""
    _only_in_the_demo()
    if not own_factors(person):
        with transaction.atomic(using=accounts_database()):
            operations.begin_authenticator(person=person, at=at, secret=secret)
            # By the code of two steps ago, at the time of then, so that the current code is
            # still unused.
            earlier = datetime.fromtimestamp(at.timestamp() - 2 * totp.STEP_SECONDS, tz=at.tzinfo)
            Authenticator.objects.filter(user_id=person).update(added_at=earlier)
            operations.confirm_authenticator(
                person=person,
                code=totp.code_of(secret, totp.step_at(earlier)),
                at=earlier,
                notify=False,
            )


def code_now(person: UUID, at: datetime) -> str | None:
    """Return the code that the person's app shows now; None without an app."""
    _only_in_the_demo()
    app = Authenticator.objects.filter(user_id=person, confirmed_at__isnull=False).first()
    return (
        totp.code_of(totp_secret_sealing.unsealed(app.id, bytes(app.sealed)), totp.step_at(at))
        if app
        else None
    )


def _only_in_the_demo() -> None:
    if settings.ENVIRONMENT.kind.value not in {"demo", "test"}:
        raise RuntimeError("known second factors are for the demo only")
