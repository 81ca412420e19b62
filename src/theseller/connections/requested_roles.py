"""The Amazon roles that a seller will be asked for, shown beforehand.

A website authorization carries no list of roles: Amazon asks for every role of the application's
registration, whatever the seller chose.

Source: Selling Partner API, "Website authorization workflow" and "Roles in the Selling Partner
API".
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from django.conf import settings
from django.utils.translation import gettext as _

from theseller.amazon.feature_requirements import (
    FEATURES,
    OFFERED,
    Feature,
    roles_for,
    served_by,
    uncovered,
)
from theseller.amazon.roles import RESTRICTED, ROLES, RestrictedRole, Role, RoleText
from theseller.lib.marketplaces import MARKETPLACES, Region

TEMPLATE = "connections/review.html"


@dataclass(frozen=True, slots=True)
class RequestedRole:
    """One role that Amazon asks for.

    `title` is Amazon's name for it; `serves` lists the chosen features that need it.
    """

    role: Role | RestrictedRole
    title: str
    text: RoleText
    serves: tuple[str, ...]
    restricted: bool


def offered_features() -> Mapping[str, Feature]:
    """Return the features that a seller can choose, by key.

    Those of this version of which the roles of the application's registration open all that they
    call, in every region.
    """
    registered = settings.ENVIRONMENT.application_roles
    return {
        key: feature
        for key, feature in OFFERED.items()
        if not any(uncovered([key], registered, region) for region in Region)
    }


def requested_roles(features: Sequence[str]) -> tuple[RequestedRole, ...]:
    """Return every role of the registration, needed ones first.

    Restricted roles come last.
    """
    needed = frozenset(roles_for(features))
    plain = [
        RequestedRole(
            role,
            role.value,
            ROLES[role],
            tuple(_(one.title) for one in served_by(role, features)) if role in needed else (),
            restricted=False,
        )
        for role in settings.ENVIRONMENT.application_roles
    ]
    restricted = [
        RequestedRole(role, role.at_amazon, RESTRICTED[role], (), restricted=True)
        for role in settings.ENVIRONMENT.restricted_roles
    ]
    return (*sorted(plain, key=lambda one: not one.serves), *restricted)


def review_context(features: Sequence[str], marketplace: str) -> dict[str, Any]:
    """Return the template context of the review page."""
    requested = requested_roles(features)
    return {
        "chosen": [FEATURES[key] for key in features],
        "marketplace": MARKETPLACES[marketplace],
        "roles": requested,
        "has_restricted": any(one.restricted for one in requested),
        "has_unneeded": any(not one.serves and not one.restricted for one in requested),
    }


def roles_used_by_this_version() -> frozenset[str]:
    """Return the names of the roles that this version can use.

    These are the roles of the features that it offers here, and of packing slips where they are
    available.
    """
    return frozenset(
        {
            *(role.value for role in roles_for(offered_features())),
            *(role.value for role in settings.ENVIRONMENT.restricted_roles),
        }
    )
