"""What Amazon's consent page asks a seller for, as our own page tells it before.

A website authorisation carries no list of roles: Amazon asks for every role that the application is
registered for, whatever the seller chose here.
Source: Selling Partner API, "Website authorization workflow" and "Roles in the Selling Partner API".
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings

from theseller.amazon.features import FEATURES, OFFERED, roles_for, served_by
from theseller.amazon.roles import RESTRICTED, ROLES, RestrictedRole, Role, RoleText
from theseller.lib.marketplaces import MARKETPLACES

TEMPLATE = "connections/review.html"


@dataclass(frozen=True, slots=True)
class RequestedRole:
    """One role that Amazon asks for. `title` is as Amazon lists it, `serves` what of the seller's choice needs it."""

    role: Role | RestrictedRole
    title: str
    text: RoleText
    serves: tuple[str, ...]
    restricted: bool


def requested_roles(features: Sequence[str]) -> tuple[RequestedRole, ...]:
    """Return every role of the application's registration: what the choice needs first, the restricted ones last."""
    needed = frozenset(roles_for(features))
    plain = [
        RequestedRole(
            role, role.value, ROLES[role], tuple(one.title for one in served_by(role, features)) if role in needed else (), restricted=False
        )
        for role in settings.ENVIRONMENT.application_roles
    ]
    restricted = [
        RequestedRole(role, role.at_amazon, RESTRICTED[role], (), restricted=True) for role in settings.ENVIRONMENT.restricted_roles
    ]
    return (*sorted(plain, key=lambda one: not one.serves), *restricted)


def review_context(features: Sequence[str], marketplace: str) -> dict[str, Any]:
    """Return what the page before Amazon's is drawn from."""
    requested = requested_roles(features)
    return {
        "chosen": [FEATURES[key] for key in features],
        "marketplace": MARKETPLACES[marketplace],
        "roles": requested,
        "has_restricted": any(one.restricted for one in requested),
        "has_unneeded": any(not one.serves and not one.restricted for one in requested),
    }


def roles_used_by_this_version() -> frozenset[str]:
    """Return the names of the roles that something of this version calls for: offered features, and packing slips where they can be had."""
    return frozenset({*(role.value for role in roles_for(OFFERED)), *(role.value for role in settings.ENVIRONMENT.restricted_roles)})
