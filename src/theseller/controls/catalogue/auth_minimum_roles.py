"""Security page §2: only the roles that the chosen features need are requested."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta

from theseller.amazon import features as amazon_features
from theseller.amazon.roles import RESTRICTED_ROLES
from theseller.audit.tags import Tag
from theseller.controls.types import Control, Outcome, verdict
from theseller.controls.world import World

CONTROL = Control(
    id="auth-minimum-roles",
    section=2,
    title="We ask Amazon for the fewest roles that your features need",
    statement=(
        "The roles in every authorisation are computed from the features the seller ticked, and are the smallest set that opens them."
        " Each is shown, with its reason, before the seller goes to Amazon."
    ),
    citation="Security page §2; Data Protection Policy 1.3",
    owner="Engineering",
    freshness=timedelta(minutes=30),
    enforced_by=("theseller.amazon.features:roles_for", "theseller.connections.operations:begin_authorisation"),
    after=(Tag.AUTHORISATION_BEGUN, Tag.CONNECTION_AUTHORISED),
)

_AUTHORISATIONS = """
select 'open connection', c.features, c.roles from connections_connection c
where c.origin = 'lwa' and not exists (
    select from connections_disconnection d where d.tenant_id = c.tenant_id and d.connection_id = c.id)
union all
select 'consent page', a.features, a.roles from connections_attempt a where a.created_at > %s
"""


def probe(world: World) -> Outcome:
    """Compare the roles recorded with every open connection and every recent attempt with what its features need today."""
    found = world.rows(_AUTHORISATIONS, [world.at - timedelta(days=30)])
    broken = [problem for what, features, roles in found for problem in _problems(what, features, roles)]
    broken += [f"Feature {key} needs a restricted role." for key in amazon_features.FEATURES if _needed([key]) & RESTRICTED_ROLES]
    return verdict(
        len(found),
        broken,
        "Each recorded authorisation names exactly the roles that its features need, none of them restricted.",
        open_connections=sum(row[0] == "open connection" for row in found),
        consent_pages=sum(row[0] == "consent page" for row in found),
    )


def _problems(what: str, features: list[str], roles: list[str]) -> Iterator[str]:
    try:
        needed = _needed(features)
    except KeyError:
        yield f"An {what} names a feature that this version does not have."
        return
    extra, missing = set(roles) - needed, needed - set(roles)
    if extra:
        yield f"An authorisation ({what}) holds more roles than its features need: {', '.join(sorted(extra))}."
    if missing:
        yield f"An authorisation ({what}) lacks a role that its features need: {', '.join(sorted(missing))}."


def _needed(features: list[str]) -> set[str]:
    return {role.value for role in amazon_features.roles_for(features)}
