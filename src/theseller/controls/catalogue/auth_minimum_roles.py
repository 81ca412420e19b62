"""Security page §2: only roles that chosen features need are requested."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import timedelta
from html.parser import HTMLParser

from django.conf import settings
from django.template.loader import render_to_string
from typing_extensions import override

from theseller.amazon import feature_requirements as amazon_features
from theseller.amazon.roles import RestrictedRole
from theseller.audit.event_types import Tag
from theseller.connections.requested_roles import (
    TEMPLATE,
    offered_features,
    review_context,
    roles_used_by_this_version,
)
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="auth-minimum-roles",
    section=2,
    title=gettext_noop("We ask Amazon for the fewest roles that your features need"),
    statement=gettext_noop(
        "The application is registered at Amazon for no role that no feature of this version needs,"
        " and each role that Amazon will ask for is on our page before the seller goes there,"
        " restricted ones too. What is recorded with each authorization is the smallest set that"
        " opens the features the seller chose."
    ),
    citation="Security page §2; Data Protection Policy 1.3",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(minutes=30),
    enforced_by=(
        "theseller.amazon.feature_requirements:roles_for",
        "theseller.connections.operations:start_authorization",
        "theseller.connections.requested_roles:requested_roles",
    ),
    after=(Tag.AUTHORISATION_BEGUN, Tag.CONNECTION_AUTHORISED),
)

_AUTHORISATIONS = """
select 'open connection', c.features, c.roles from connections_connection c
where c.origin = 'lwa' and not exists (
    select from connections_disconnection d
    where d.tenant_id = c.tenant_id and d.connection_id = c.id)
union all
select 'consent page', a.features, a.roles from connections_attempt a where a.created_at > %s
"""
_ANY_STORE = "ATVPDKIKX0DER"


def probe(context: ProbeContext) -> Outcome:
    """Compare registered, displayed and recorded roles with those needed.

    The registration is compared with the features of this version, the rendered consent page with
    the registration, and the records with both.
    """
    found = context.rows(_AUTHORISATIONS, [context.at - timedelta(days=30)])
    registered = _registered()
    must_find([*_surplus({*registered, "Pricing of another"})], "a role that no feature needs")
    failures, offered = [*_surplus(registered)], offered_features()
    pages = 0
    for features in {tuple(sorted(features)) for _, features, _ in found} | {tuple(offered)}:
        if any(key not in offered for key in features):
            # Chosen when it was offered: by an earlier version, or with another registration. No
            # page asks for it now.
            continue
        pages += 1
        failures += _page(_shown(features), registered)
    failures += [
        problem for what, features, roles in found for problem in _problems(what, features, roles)
    ]
    names = ", ".join(sorted(registered))
    return verdict(
        len(found),
        failures,
        f"The application has {len(registered)} role(s), each needed by a feature; {pages} consent"
        f" page(s) as they are rendered now name each of them; {len(found)} recorded"
        " authorization(s) name exactly what their features need.",
        open_connections=sum(row[0] == "open connection" for row in found),
        consent_pages=sum(row[0] == "consent page" for row in found),
        pages_rendered=pages,
        declared=[
            (
                f"The roles that Amazon registered for this application: {names}. No program can"
                " ask Amazon for that list."
            )
        ],
    )


def _registered() -> set[str]:
    """Return the roles of the application by its configuration.

    With the restricted ones: Amazon asks every seller for all of them.
    """
    environment = settings.ENVIRONMENT
    return {
        *(role.value for role in environment.application_roles),
        *(role.value for role in environment.restricted_roles),
    }


def _surplus(registered: set[str]) -> Iterator[str]:
    for role in sorted(registered - roles_used_by_this_version()):
        yield (
            f"Amazon asks every seller for the role {role}, and no feature of this version"
            " needs it."
        )


def _shown(features: Sequence[str]) -> set[str]:
    """Return the roles in the consent page as rendered for these features."""
    return _Reader.read(render_to_string(TEMPLATE, review_context(list(features), _ANY_STORE)))


def _page(shown: set[str], registered: set[str]) -> Iterator[str]:
    titles = {one.at_amazon if (one := _restricted(role)) else role for role in registered}
    for role in sorted(titles - shown):
        yield f"The consent page does not name the role {role}, which Amazon asks for."
    for role in sorted(shown - titles):
        yield f"The consent page names the role {role}, which Amazon does not ask for."


def _restricted(role: str) -> RestrictedRole | None:
    return next((one for one in RestrictedRole if one.value == role), None)


def _problems(what: str, features: list[str], roles: list[str]) -> Iterator[str]:
    try:
        needed = {role.value for role in amazon_features.roles_for(features)}
    except KeyError:
        yield f"An authorization ({what}) names a feature that this version does not have."
        return
    extra, missing = set(roles) - needed, needed - set(roles)
    if extra:
        yield (
            f"An authorization ({what}) records more roles than its features need:"
            f" {', '.join(sorted(extra))}."
        )
    if missing:
        yield (
            f"An authorization ({what}) lacks a role that its features need:"
            f" {', '.join(sorted(missing))}."
        )


class _Reader(HTMLParser):
    """Reads the roles of a consent page: the heading of each role's card."""

    def __init__(self) -> None:
        super().__init__()
        self.named: set[str] = set()
        self._in_heading = False

    @classmethod
    def read(cls, html: str) -> set[str]:
        reader = cls()
        reader.feed(html)
        return reader.named

    @override
    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self._in_heading = tag == "h2" and (dict(attrs).get("id") or "").startswith("role-")

    @override
    def handle_data(self, data: str) -> None:
        if self._in_heading and data.strip():
            self.named.add(data.strip())

    @override
    def handle_endtag(self, tag: str) -> None:
        self._in_heading = False
