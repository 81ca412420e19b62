"""The named cast: Alice owns a shop, Bob is on her team, Charlie owns another shop.

Each call makes a fresh set with tenants of its own.
"""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from theseller.accounts.operations import add_member, create_user
from theseller.accounts.types import MemberRole
from theseller.lib.ids import new_id
from theseller.lib.secret_type import Secret
from theseller.tenancy.operations import create_tenant

#: An ordinary moment for tests that need no other.
NOON = datetime(2026, 11, 20, 12, 0, tzinfo=UTC)
PASSWORD = "correct-horse-battery-staple-7"


@dataclass(frozen=True, slots=True)
class Person:
    id: UUID
    name: str
    email: str
    tenant: UUID

    @property
    def actor(self) -> str:
        return f"user:{self.id}"


@dataclass(frozen=True, slots=True)
class Cast:
    """Alice and Bob share `alices_shop`; Charlie has `charlies_shop`."""

    alice: Person
    bob: Person
    charlie: Person
    alices_shop: UUID
    charlies_shop: UUID


def create_cast(*, at: datetime = NOON) -> Cast:
    """Make the cast in the database, as the web's role does."""
    alices_shop = create_tenant(name="Alice's shop", actor="process:test", at=at)
    charlies_shop = create_tenant(name="Charlie's shop", actor="process:test", at=at)
    return Cast(
        alice=_person("Alice", alices_shop, MemberRole.OWNER, at),
        bob=_person("Bob", alices_shop, MemberRole.ANALYST, at),
        charlie=_person("Charlie", charlies_shop, MemberRole.OWNER, at),
        alices_shop=alices_shop,
        charlies_shop=charlies_shop,
    )


def _person(name: str, tenant: UUID, role: MemberRole, at: datetime) -> Person:
    email = f"{name.lower()}.{new_id().hex[-12:]}@example.com"
    person = create_user(email=email, name=name, password=Secret(PASSWORD), at=at)
    add_member(person=person, role=role, tenant=tenant, actor="process:test", at=at)
    return Person(person, name, email, tenant)
