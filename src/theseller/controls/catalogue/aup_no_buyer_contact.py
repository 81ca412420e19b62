"""Security page §1: buyers are never contacted."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import timedelta

from theseller.amazon import spapi_operations as allow_list
from theseller.controls import code_version
from theseller.controls.probe_tools.probe_context import ProbeContext
from theseller.controls.types import Control, Outcome, must_find, verdict
from theseller.lib.translation_marks import gettext_noop

CONTROL = Control(
    id="aup-no-buyer-contact",
    section=1,
    title=gettext_noop("No buyer is ever contacted"),
    statement=gettext_noop(
        "The service can't write to a buyer: it may call no messaging or solicitation operation of"
        " Amazon's, it asks for no buyer's address, and no part of it sends mail."
    ),
    citation="Security page §1; Acceptable Use Policy 4",
    owner=gettext_noop("Engineering"),
    freshness=timedelta(hours=1),
    enforced_by=("theseller.amazon.spapi_operations:OPERATIONS",),
)

_CONTACT = ("/messaging", "/solicitations", "/notifications/v1/destinations", "/feeds")
_MAILERS = (
    "smtplib",
    "aiosmtplib",
    "django.core.mail",
    "sendgrid",
    "mailgun",
    "postmarker",
    "twilio",
    "boto3",
)


def probe(context: ProbeContext) -> Outcome:
    """Read the list of operations and the imports of every module."""
    del context
    modules = code_version.module_imports()
    paths = {name: one.path for name, one in allow_list.OPERATIONS.items()}
    must_find(
        _reaching({"planted": "/messaging/v1/orders/{amazonOrderId}/messages/warranty"}),
        "an operation that writes to a buyer",
    )
    must_find(_mailing({"planted.py": frozenset({"smtplib"})}), "a module that sends mail")
    must_find(
        modules and any("django" in name for names in modules.values() for name in names),
        "the program's own imports",
    )
    failures = [*_reaching(paths), *_mailing(modules)]
    return verdict(
        len(paths) and len(paths) + len(modules),
        failures,
        f"None of {len(allow_list.OPERATIONS)} operations can reach a buyer, and none of"
        f" {len(modules)} modules sends mail.",
        operations=len(allow_list.OPERATIONS),
        modules=len(modules),
    )


def _reaching(paths: Mapping[str, str]) -> list[str]:
    return [
        f"The operation {name} can reach a buyer."
        for name, path in paths.items()
        if path.startswith(_CONTACT)
    ]


def _mailing(modules: Mapping[str, frozenset[str]]) -> list[str]:
    return [
        f"Module {module} imports a mailer: {name}."
        for module, names in modules.items()
        for name in sorted(names)
        if name.startswith(_MAILERS)
    ]
