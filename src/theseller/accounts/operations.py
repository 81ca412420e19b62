"""Verbs on people and memberships."""

from __future__ import annotations

from datetime import datetime
from uuid import UUID

from theseller.accounts.models import Membership, User
from theseller.accounts.types import MemberRole
from theseller.audit.operations import record
from theseller.audit.tags import Tag
from theseller.lib.ids import new_id
from theseller.lib.secret import Secret
from theseller.tenancy.scope import tenant_scope


def add_person(*, email: str, name: str, password: Secret, at: datetime, person: UUID | None = None) -> UUID:
    """Create a person who can sign in, and return their id."""
    user = User(id=person or new_id(), email=email, name=name, joined_at=at)
    user.set_password(password.reveal())
    user.save(force_insert=True)
    return user.id


def add_member(*, person: UUID, role: MemberRole, tenant: UUID, actor: str, at: datetime) -> None:
    """Give `person` a place in `tenant`."""
    with tenant_scope(tenant):
        Membership.objects.create(tenant_id=tenant, user_id=person, role=role.value, since=at)
        record(Tag.MEMBER_ADDED, actor=actor, tenant=tenant, subject=f"user:{person}", at=at, details={"role": role.value})
