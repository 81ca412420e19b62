"""Security page §1: buyers are never contacted."""

from __future__ import annotations

from datetime import timedelta

from theseller.amazon import operations as allow_list
from theseller.controls import source
from theseller.controls.types import Control, Outcome, verdict
from theseller.controls.world import World

CONTROL = Control(
    id="aup-no-buyer-contact",
    section=1,
    title="No buyer is ever contacted",
    statement=(
        "The service can't write to a buyer: it may call no messaging or solicitation operation of Amazon's, it asks for no buyer's"
        " address, and"
        " no part of it sends mail."
    ),
    citation="Security page §1; Acceptable Use Policy 4",
    owner="Engineering",
    freshness=timedelta(hours=1),
    enforced_by=("theseller.amazon.operations:OPERATIONS",),
)

_CONTACT = ("/messaging", "/solicitations", "/notifications/v1/destinations", "/feeds")
_MAILERS = ("smtplib", "aiosmtplib", "django.core.mail", "sendgrid", "mailgun", "postmarker", "twilio", "boto3")


def probe(world: World) -> Outcome:
    """Read the list of operations and the imports of every module."""
    del world
    modules = source.imports()
    broken = [f"The operation {name} can reach a buyer." for name, one in allow_list.OPERATIONS.items() if one.path.startswith(_CONTACT)]
    broken += [
        f"Module {module} imports a mailer: {name}."
        for module, names in modules.items()
        for name in sorted(names)
        if name.startswith(_MAILERS)
    ]
    return verdict(
        len(allow_list.OPERATIONS),
        broken,
        f"None of {len(allow_list.OPERATIONS)} operations can reach a buyer, and none of {len(modules)} modules sends mail.",
        operations=len(allow_list.OPERATIONS),
        modules=len(modules),
    )
