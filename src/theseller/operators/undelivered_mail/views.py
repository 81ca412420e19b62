"""The operators' page of mail that was not delivered."""

from __future__ import annotations

from uuid import UUID

from django.conf import settings
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect, render
from django.utils.translation import gettext as _
from django.views.decorators.http import require_GET, require_POST

from theseller.accounts.authorization import operator_required
from theseller.accounts.types import Operator
from theseller.edge.database_routing import operators_database
from theseller.lib import clock
from theseller.mail.operations import send_again
from theseller.mail.queries import (
    masked_refused_addresses,
    undelivered_counts,
    undelivered_mail,
)
from theseller.mail.types import MailMode
from theseller.operators.undelivered_mail.delivery_advice import undelivered_line

#: The page shows so many messages, and so many addresses: `theseller mail list` shows all.
SHOWN_MAX = 200


@require_GET
@operator_required()
def undelivered(request: HttpRequest, operator: Operator) -> HttpResponse:
    """Show mail that failed, was refused, or is tried again."""
    at, using = clock.now(), operators_database()
    found = undelivered_mail(using=using, limit=SHOWN_MAX)
    context = {
        "operator": operator,
        "at": at,
        "lines": [undelivered_line(one) for one in found],
        "counts": undelivered_counts(at=at, using=using),
        "most": SHOWN_MAX if len(found) == SHOWN_MAX else 0,
        "refused": masked_refused_addresses(using=using, limit=SHOWN_MAX),
        "off": settings.MAIL.mode is MailMode.OFF,
    }
    return render(request, "operators/undelivered_mail.html", context)


@require_POST
@operator_required(step_up=True)
def again(request: HttpRequest, operator: Operator, message: UUID) -> HttpResponse:
    """Send a message again."""
    sent = send_again(
        message=message, actor=operator.actor, at=clock.now(), using=operators_database()
    )
    if sent:
        messages.success(request, _("The worker sends it within seconds."))
    else:
        messages.error(
            request, _("It can't be sent again: it was sent meanwhile, or its text is not stored.")
        )
    return redirect("operators:mail")
