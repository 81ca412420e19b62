"""Olga operates: a person with a second factor and no shop, and ways into her area."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from uuid import UUID

from django.http import HttpRequest
from django.test import Client
from tests.cast import PASSWORD

from theseller.accounts.mfa import operations, totp
from theseller.accounts.mfa.types import Proof
from theseller.accounts.models import User
from theseller.accounts.operations import add_operator, create_user, remove_operator
from theseller.lib import clock
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret


@dataclass(frozen=True, slots=True)
class OperatorUser:
    """`secret` is her authenticator app's; None if she has not set one up."""

    id: UUID
    email: str
    secret: Secret | None

    def code(self, at: datetime | None = None) -> str:
        """Return what her app shows."""
        assert self.secret is not None
        return totp.code_of(self.secret, totp.step_at(at or clock.now()))


def create_operator(
    *, name: str = "Olga", operates: bool = True, with_app: bool = True, at: datetime | None = None
) -> OperatorUser:
    """Make a person who operates, with an app whose codes of now have not been used."""
    at = at or clock.now() - timedelta(hours=1)
    email = f"{name.lower()}.{new_id().hex[-12:]}@example.com"
    person = create_user(email=email, name=name, password=Secret(PASSWORD), at=at)
    if operates:
        grant_operator(person, at)
    return OperatorUser(person, email, enroll_app(person, at) if with_app else None)


def grant_operator(person: UUID, at: datetime) -> None:
    """Do what `theseller operator add` does, by the role that it does it as."""
    from tests.conftest import as_role  # late: other processes than pytest's use this module too

    with as_role("migrate"):
        add_operator(person=person, actor="operator:test", at=at)


def revoke_operator(person: UUID) -> None:
    from tests.conftest import as_role

    with as_role("migrate"):
        remove_operator(person=person, actor="operator:test", at=clock.now())


def enroll_app(person: UUID, at: datetime) -> Secret:
    secret = totp.new_secret()
    operations.begin_authenticator(person=person, at=at, secret=secret)
    operations.confirm_authenticator(
        person=person, code=totp.code_of(secret, totp.step_at(at)), at=at, notify=False
    )
    return secret


def anonymous_client(host: str = "testserver") -> Client:
    """Return a browser in a network of its own: limits for networks are not what most tests are about."""
    first, second, third = new_id().bytes[-3:]
    return Client(SERVER_NAME=host, REMOTE_ADDR=f"10.{first}.{second}.{third}")


def signed_in_client(operator: OperatorUser) -> Client:
    """Return her browser with a session and no proof in it, as an old one or a stolen one would be."""
    client = anonymous_client()
    client.force_login(User.objects.get(pk=operator.id))
    return client


def operator_client(
    operator: OperatorUser, *, at: datetime | None = None, seen: datetime | None = None
) -> Client:
    """Return her browser with a proof of `at` in its session, and a last visit of `seen`."""
    from theseller.accounts.mfa import session_proofs
    from theseller.accounts.mfa.queries import own_factors

    client, at = signed_in_client(operator), at or clock.now()
    factor = own_factors(operator.id)[0]
    request = HttpRequest()
    request.session = client.session
    session_proofs.store_proof(request, Proof(operator.id, factor.id, factor.kind, at))
    if seen is not None:
        session_proofs.note_activity(request.session, seen)
    request.session.save()
    client.cookies["theseller_session"] = str(request.session.session_key)
    return client
