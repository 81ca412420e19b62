"""Section 13: who answers for the service, as the prober reads it on the public page."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

from django.template import engines
from tests.sabotage.outside import IDENTITY, Outside, observing, page_with
from tests.sabotage.saboteurs import Act, Tools, blinds, breaks

import theseller.controls
from theseller.cli.outside_prober.security_page_contact_measurement import read_contact
from theseller.controls.prober_reports.message_format import ContactSection
from theseller.controls.security_page_data import security_page, template_context
from theseller.lib import clock
from theseller.tenancy.host_types import setting_hash

_TEMPLATE = Path(theseller.controls.__file__).parent / "templates" / "controls" / "page.html"


def _reading(contact: Callable[[], ContactSection | None]) -> Act:
    def change(outside: Outside) -> Outside:
        return replace(outside, contact=contact())

    def act(tools: Tools) -> Iterator[None]:
        yield from observing(tools.superuser, change)

    return act


def _without_block() -> ContactSection:
    """Return what the prober reads on the real page, whose template has no part for this."""
    text = _TEMPLATE.read_text()
    whole = _read_page(text)
    assert (whole.addresses[0].officer, whole.addresses[0].contact) == IDENTITY.parts[:2]
    return _read_page(text.replace("{% if operator_identity.complete %}", "{% if False %}"))


def _read_page(template: str) -> ContactSection:
    context = template_context(security_page(clock.now()), public_keys=())
    page = (
        engines["django"].from_string(template).render({**context, "operator_identity": IDENTITY})
    )
    return ContactSection([read_contact("203.0.113.1", 200, page)])


for _does, _contact in (
    ("shows no security officer", lambda: page_with(replace(IDENTITY, officer=" "))),
    (
        "shows a mail address at example.com",
        lambda: page_with(replace(IDENTITY, contact="security@example.com")),
    ),
    ("shows TODO as the address", lambda: page_with(replace(IDENTITY, legal_address="TODO"))),
    ("removes the part from the page's template", _without_block),
):
    breaks("page-contact", _does)(_reading(_contact))


def _other_setting(process: str) -> Act:
    def act(tools: Tools) -> Iterator[None]:
        def report() -> None:
            tools.superuser.execute(
                "update tenancy_host set settings = settings || jsonb_build_object("
                "'THESELLER_LEGAL_ENTITY', %s::text) where process = %s",
                [setting_hash("Another GmbH"), process],
            )

        yield from observing(tools.superuser, lambda outside: replace(outside, afterwards=report))

    return act


for _process in ("web", "worker"):
    breaks("page-contact", f"starts a {_process} process with another legal entity")(
        _other_setting(_process)
    )


@blinds("page-contact", "runs no web process that reports its settings")
def _no_web(tools: Tools) -> Iterator[None]:
    def remove() -> None:
        tools.superuser.execute("delete from tenancy_host where process = 'web'")

    yield from observing(tools.superuser, lambda outside: replace(outside, afterwards=remove))


blinds("page-contact", "answers the page's address with an error")(
    _reading(lambda: page_with(IDENTITY, status=503))
)
blinds("page-contact", "reads no page")(_reading(lambda: None))
