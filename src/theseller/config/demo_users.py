"""Create the demo's users and shops."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from django.conf import settings

from theseller.accounts.mfa.demo_authenticator import add_demo_authenticator
from theseller.accounts.mfa.totp import new_secret
from theseller.accounts.models import User
from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole
from theseller.crypto.text_secret_validation import new_text_secret
from theseller.lib.translation_marks import gettext_noop, marked
from theseller.tenancy.operations import create_tenant


@dataclass(frozen=True, slots=True)
class DemoPerson:
    """A user of the demo.

    The demo shows the password and the secret of the authenticator app: they are valid in this
    machine's demo only.
    """

    name: str
    email: str
    password: str
    note: str
    app: str = ""


_ALICES_SHOP = UUID("a11ce000-0000-7000-8000-000000000001")
_CHARLIES_SHOP = UUID("c4a811e0-0000-7000-8000-000000000002")
_SHOPS = {_ALICES_SHOP: "Alice's shop", _CHARLIES_SHOP: "Charlie's shop"}
_PEOPLE = (
    (
        UUID("a11ce000-0000-7000-8000-00000000000a"),
        "Alice",
        "alice@example.com",
        _ALICES_SHOP,
        MemberRole.OWNER,
    ),
    (
        UUID("b0b00000-0000-7000-8000-00000000000b"),
        "Bob",
        "bob@example.com",
        _ALICES_SHOP,
        MemberRole.ANALYST,
    ),
    (
        UUID("c4a811e0-0000-7000-8000-00000000000c"),
        "Charlie",
        "charlie@example.com",
        _CHARLIES_SHOP,
        MemberRole.OWNER,
    ),
)
#: Address and note of each person, as the start page of a demo lists them.
DEMO_SIGN_INS = tuple(
    (
        email,
        marked(gettext_noop("%(role)s of %(shop)s"), role=marked(role.label), shop=_SHOPS[tenant]),
    )
    for _, _, email, tenant, role in _PEOPLE
)
#: Who is made an operator by the demo's own call of `theseller operator add`.
OPERATOR_EMAIL = "olga@example.com"
_OPERATOR_ID = UUID("01a6a000-0000-7000-8000-00000000000d")


def seed_demo(*, at: datetime) -> tuple[DemoPerson, ...]:
    """Create the users and shops of the demo; return the users.

    Alice, Bob, Charlie and Olga with their passwords. It changes nothing in a deployment that has
    them.
    """
    password = settings.SECRETS.ensure("demo-cast-password", new_text_secret)
    if not User.objects.exists():
        for tenant, name in _SHOPS.items():
            create_tenant(name=name, actor="process:seed", at=at, tenant=tenant)
        for person, name, email, tenant, role in _PEOPLE:
            create_user(email=email, name=name, password=password, at=at, person=person)
            add_member(person=person, role=role, tenant=tenant, actor="process:seed", at=at)
    app = settings.SECRETS.ensure("demo-authenticator-secret", new_secret)
    if not User.objects.filter(pk=_OPERATOR_ID).exists():
        create_user(
            email=OPERATOR_EMAIL, name="Olga", password=password, at=at, person=_OPERATOR_ID
        )
        add_demo_authenticator(_OPERATOR_ID, app, at)
    people = [
        DemoPerson(name, email, password.reveal(), f"{role.value} of {_SHOPS[tenant]}")
        for _, name, email, tenant, role in _PEOPLE
    ]
    return (
        *people,
        DemoPerson(
            "Olga", OPERATOR_EMAIL, password.reveal(), "operator of this deployment", app.reveal()
        ),
    )
